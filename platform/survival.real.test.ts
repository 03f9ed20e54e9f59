import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { createClient, createHttpTransport } from "@headrace/client";
import { eventually } from "@headrace/model/testing";
import { runLabel, runs, tasks } from "@headrace/pipelines/resources";
import { cacheDirectory, packaging } from "./testing/fresh.ts";

const bin = join(import.meta.dirname, "..", "apps", "cli", "bin", "headrace.js");

/** Says that it began, waits until it may go on, and says that it ended: `$0` is its name, `$1` the folder. */
const script =
  'echo began >> "$1/$0.began"; while [ ! -e "$1/$0.go" ]; do sleep 0.05; done; echo ended >> "$1/$0.ended"';

/** Two steps at once, `early` and `late`, and one after both. */
function pipeline(folder: string): unknown {
  const executor = (name: string) => [
    `exec-${name}`,
    { container: { image: "busybox", command: ["sh", "-c", script, name, folder] } },
  ];
  const names = ["early", "late", "last"];
  const task = (name: string) => [
    name,
    {
      componentRef: { name: `comp-${name}` },
      taskInfo: { name },
      ...(name === "last" && { dependentTasks: ["early", "late"] }),
    },
  ];
  return {
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.3",
    pipelineInfo: { name: "survives" },
    deploymentSpec: { executors: Object.fromEntries(names.map(executor)) },
    components: Object.fromEntries(names.map((name) => [`comp-${name}`, { executorLabel: `exec-${name}` }])),
    root: { dag: { tasks: Object.fromEntries(names.map(task)) } },
  };
}

interface Started {
  readonly child: ChildProcess;
  readonly gateway: string;
  readonly dataDir: string;
}

async function start(directory: string, folder: string): Promise<Started> {
  const flags = ["--data-dir", join(directory, "home"), "--port", "0", "--kube-port", "0", "--share", folder];
  const child = spawn(process.execPath, [bin, "--output", "json", "up", ...flags], {
    env: { ...packaging, HEADRACE_CACHE: cacheDirectory, XDG_RUNTIME_DIR: directory },
    stdio: ["ignore", "pipe", "ignore"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { gateway, dataDir } = JSON.parse(line) as { gateway: string; dataDir: string };
    return { child, gateway, dataDir };
  }
  return assert.fail("Headrace ended before it was ready");
}

test("a run goes on after kill -9, and no step runs twice", { timeout: 120_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "headrace-kill-"));
  const folder = join(directory, "shared");
  mkdirSync(folder);
  chmodSync(directory, 0o755);
  chmodSync(folder, 0o777);
  let headrace = await start(directory, folder);
  t.after(async () => {
    headrace.child.kill("SIGTERM");
    await once(headrace.child, "exit");
    rmSync(directory, { recursive: true, force: true });
  });
  const said = (file: string): string | undefined =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : undefined;
  const letGo = (name: string): void => writeFileSync(join(folder, `${name}.go`), "");

  const response = await fetch(`${headrace.gateway}/apis/v2beta1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ display_name: "survives", pipeline_spec: pipeline(folder) }),
  });
  const { run_id: name } = (await response.json()) as { run_id: string };
  await eventually(
    "both steps began",
    () => said("early.began") !== undefined && said("late.began") !== undefined,
    60_000,
  );

  headrace.child.kill("SIGKILL");
  await once(headrace.child, "exit");
  letGo("early");
  await eventually("a step ended while nobody listened", () => said("early.ended"), 30_000);

  headrace = await start(directory, folder);
  letGo("late");
  letGo("last");
  const client = createClient({ transport: createHttpTransport({ server: `${headrace.gateway}/kube` }) });
  const run = await eventually(
    "the run ended",
    async () => {
      const found = await client.resource(runs).get({ namespace: "kubeflow", name });
      return /SUCCEEDED|FAILED|CANCELED/.test(found.status.state) ? found : undefined;
    },
    60_000,
  );
  assert.deepEqual([run.status.state, run.status.error], ["SUCCEEDED", undefined]);
  const { items } = await client.resource(tasks).list({ namespace: "kubeflow", labelSelector: `${runLabel}=${name}` });
  const steps = items.filter(({ spec }) => spec.type === "RUNTIME");
  assert.deepEqual(steps.map(({ spec, status }) => [spec.name, status.attempts.length]).sort(), [
    ["early", 1],
    ["last", 1],
    ["late", 1],
  ]);
  for (const step of ["early", "late", "last"]) {
    assert.deepEqual([said(`${step}.began`), said(`${step}.ended`)], ["began\n", "ended\n"]);
  }
});
