import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type ApiRequest, systemClock } from "@headrace/model";
import { kfpPython, kfpVersion } from "../testing/compile.ts";
import { listen } from "../testing/listen.ts";
import { type TestFace, testFace } from "../testing/platform.ts";
import { lineageWriter } from "../testing/task-rows.ts";

const ns = "kubeflow";

test(`the stock clients of kfp ${kfpVersion} find everything they call`, async (t) => {
  await runStock(t, "stock_client.py", [
    "healthz",
    "experiments",
    "pipelines",
    "runs",
    "recurring runs",
    "PipelinesClient",
    "namespace",
  ]);
});

test(`every command of the program kfp ${kfpVersion} works, and what it leaves out of kfp-server-api`, async (t) => {
  await runStock(t, "stock_cli.py", [
    "kfp experiment",
    "kfp pipeline",
    "kfp run",
    "kfp recurring-run",
    "kfp delete",
    "kfp-server-api",
  ]);
});

/** Runs the Python script, which must say what it passed, and end well. */
async function runStock(t: TestContext, script: string, passes: readonly string[]): Promise<void> {
  const python = await kfpPython();
  if (!python) return t.skip("the SDK cannot be installed here");
  await using face = await testFace({ clock: systemClock });
  const settled = new Set<string>();
  await using listener = await listen((request) => handleAndSettle(face, settled, request));
  const home = await mkdtemp(join(tmpdir(), "headrace-kfp-home-"));
  try {
    const path = join(import.meta.dirname, "..", "testing", script);
    const { code, output } = await runPython(python, [path, listener.url], home);
    assert.equal(code, 0, output);
    const passed = output.match(/^passed .*$/gm) ?? [];
    assert.deepEqual(
      passed.map((line) => line.slice("passed ".length)),
      passes,
    );
    assert.deepEqual(face.bugs, []);
  } finally {
    await rm(home, { recursive: true });
  }
}

/** Stands in for the steps that nobody runs: once a client has looked at a run, it ends as its name says. */
async function handleAndSettle(face: TestFace, settled: Set<string>, request: ApiRequest) {
  const response = await face.handle(request);
  const run = /^\/apis\/v2beta1\/runs\/([^/:]+)$/.exec(request.path)?.[1];
  if (request.method === "GET" && run && response.status === 200 && !settled.has(run)) {
    settled.add(run);
    await settle(face, run, response.value);
  }
  return response;
}

async function settle(face: TestFace, id: string, shown: unknown): Promise<void> {
  const { display_name = "", state = "" } = shown as { display_name?: string; state?: string };
  if (state !== "PENDING") return;
  if (display_name.startsWith("succeeds")) await face.engine.settle({ ns, id }, "SUCCEEDED");
  if (display_name.startsWith("fails")) {
    const error = JSON.stringify({ message: "exited with code 1", tail: "ZeroDivisionError: division by zero" });
    await lineageWriter(face.records, { ns, id }).task({ name: "add", state: "FAILED", error });
    await face.engine.settle({ ns, id }, "FAILED");
  }
}

async function runPython(
  python: string,
  args: readonly string[],
  home: string,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(python, ["-W", "ignore", ...args], {
    env: { PATH: "/usr/bin:/bin", HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}
