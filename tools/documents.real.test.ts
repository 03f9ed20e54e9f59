import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { cacheDirectory, type Fresh } from "../platform/testing/fresh.ts";
import { pythonWith } from "../platform/testing/python.ts";
import { sharedPlatform } from "../platform/testing/shared.ts";
import { blocksOf, isThere, readPages, type Block, type Page } from "./documents.ts";
import { kubernetesPage } from "./reference-pages.ts";
import { askThrough, kubernetesPath } from "./reference-sources.ts";

/** The marked blocks of a page do what the page says, in order, in a folder of their own, against a real platform. */
for (const page of readPages()) {
  const marked = blocksOf(page).filter(({ mark }) => mark !== "");
  if (marked.length === 0) continue;
  test(`${page.path} does what it says`, async (t) => {
    const needs = marked.some(({ text }) => /\bkubectl\b/.test(text)) ? ["jq", "kubectl"] : ["jq"];
    const missing = needs.filter((program) => !isInstalled(program));
    if (missing.length > 0) return t.skip(`${missing.join(" and ")} is not installed`);
    const folder = await mkdtemp(join(tmpdir(), "headrace-page-"));
    try {
      await follow(page, marked, folder, await sharedPlatform(), t.signal);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

test("the page of the Kubernetes API is fresh", async () => {
  const { platform } = await sharedPlatform();
  const page = await readFile(kubernetesPath, "utf8");
  assert.equal(page, await kubernetesPage(page, askThrough(platform.running)), "write it again: npm run reference");
});

async function follow(
  page: Page,
  marked: readonly Block[],
  folder: string,
  headrace: Fresh,
  signal: AbortSignal,
): Promise<void> {
  const env = await surroundings(folder, headrace);
  const { gateway, dataDir } = headrace.platform.running;
  for (const { mark, text, line } of marked) {
    const [, kind, rest = ""] = /^(file|run)(?:: (.+))?$/.exec(mark) ?? [];
    const real = text.replaceAll("http://127.0.0.1:8080", gateway).replaceAll("~/.headrace", dataDir);
    if (kind === "file") {
      await writeFile(join(folder, rest), real);
      continue;
    }
    const { code, output } = await runShell(real, folder, env, signal);
    const where = `${page.path}:${line}\n${real}\n${output}`;
    assert.equal(code, 0, where);
    const inner = rest.replace("(?s)", "");
    if (rest !== "") assert.match(output, new RegExp(inner, inner === rest ? "" : "s"), where);
  }
}

/** What a reader of the page has: `headrace`, the stock SDK, and nothing of ours but the directory that Headrace runs on. */
async function surroundings(folder: string, { platform, shared }: Fresh): Promise<Readonly<Record<string, string>>> {
  const python = await pythonWith("kfp==2.17.3", "kfp-kubernetes==2.17.3");
  const { dataDir, kubeconfig } = platform.running;
  const path = [dirname(python), resolve("node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  return {
    PATH: path,
    HOME: folder,
    HEADRACE_HOME: dataDir,
    HEADRACE_CACHE: cacheDirectory,
    KUBECONFIG: kubeconfig,
    SHARED: shared,
    PYTHONWARNINGS: "ignore",
    PYTHONDONTWRITEBYTECODE: "1",
  };
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => isThere(join(folder, program)));
}

/** Ends what the script has started, too, if the test is over before. */
async function runShell(
  script: string,
  folder: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  signal.addEventListener("abort", end);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((done) => child.once("close", done));
  signal.removeEventListener("abort", end);
  return { code, output };
}
