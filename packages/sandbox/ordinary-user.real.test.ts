import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const asRoot = process.getuid?.() === 0 ? false : "this process is an ordinary user's already";

test("everything holds for an ordinary user as it does for root", { skip: asRoot }, async () => {
  const files = (await readdir(folder)).filter(
    (name) => name.endsWith(".test.ts") && name !== "ordinary-user.real.test.ts",
  );
  const run = spawn(
    "setpriv",
    ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, "--test", "--test-isolation=none", ...files],
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const output: string[] = [];
  run.stdout.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  const status = await new Promise((resolve) => run.once("close", resolve));
  assert.equal(status, 0, output.join("").slice(-8000));
});
