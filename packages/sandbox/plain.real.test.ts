import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { eventually } from "@headrace/model/testing";

import type { ContainerSpec } from "./sandbox.ts";
import { kfpEnvironment } from "./testing/environment.ts";
import { testSandbox, type TestSandbox } from "./testing/sandbox.ts";

const found = await kfpEnvironment();
const skip = "skip" in found ? found.skip : false;
const plain = { plain: true };

/** A lightweight Python step whose folders lie somewhere else than it believes. */
async function step(host: TestSandbox, body: string): Promise<Partial<ContainerSpec>> {
  if ("skip" in found) return {};
  const [scratch, bucket] = [join(host.directory, "scratch"), join(host.directory, "bucket")];
  await mkdir(scratch, { recursive: true });
  await mkdir(bucket, { recursive: true });
  const artifact = { name: "rows", uri: "minio://mlpipeline/run/rows", type: { schemaTitle: "system.Dataset" } };
  const input = JSON.stringify({
    inputs: { parameterValues: { x: 20 } },
    outputs: {
      parameters: { Output: { outputFile: "/tmp/kfp/outputs/Output" } },
      artifacts: { rows: { artifacts: [artifact] } },
      outputFile: "/minio/mlpipeline/run/output_metadata.json",
    },
  });
  const source = `import kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\n\ndef step(x: int, rows: Output[Dataset]) -> int:\n${body.replaceAll(/^/gm, "    ")}\n    return x + 1\n`;
  return {
    cell: { tenant: "team-a/default", environment: found },
    environment: { PATH: `${found.path}/bin:/usr/bin:/bin`, LANG: "C.UTF-8", COLOUR: "teal" },
    command: ["sh"],
    warm: {
      entry: "kfp-executor",
      source,
      arguments: ["--executor_input", input, "--function_to_execute", "step"],
    },
    mounts: [
      { kind: "bind", source: scratch, target: "/tmp", readOnly: false },
      { kind: "bind", source: bucket, target: "/minio/mlpipeline", readOnly: false },
    ],
  };
}

describe("without namespaces", { skip }, () => {
  test("a lightweight step finds and leaves its files where they really lie, with a log and an exit code", async () => {
    await using host = await testSandbox(plain);
    const body =
      "import os\nopen(rows.path, 'w').write('a,b')\nprint(os.environ['COLOUR'], dsl.get_uri(), rows.uri)\nimport sys; print('oh', file=sys.stderr)";
    const { exit, log } = await host.run(await step(host, body));
    assert.equal(exit.exitCode, 0, log);
    assert.match(log, /stdout F teal minio:\/\/mlpipeline\/run\/Output minio:\/\/mlpipeline\/run\/rows\n/);
    assert.match(log, /stderr F oh\n/);
    const read = (path: string) => readFile(join(host.directory, path), "utf8");
    assert.equal(await read("bucket/run/rows"), "a,b");
    assert.match(await read("bucket/run/output_metadata.json"), /"Output": 21/);
    assert.equal((await host.run(await step(host, "raise SystemExit(7)"))).exit.exitCode, 7);
  });

  test("anything else is refused with the reason, and told as an exit", async () => {
    await using host = await testSandbox(plain);
    const container = host.spec({ command: ["echo", "hello"] });
    await assert.rejects(host.sandbox.start(container), { code: "start-failed", message: /only lightweight Python/ });
    assert.equal((await host.exitOf(container.id)).reason, "StartError");
    assert.equal(host.sandbox.capabilities.mode, "process");
    await assert.rejects(host.sandbox.exec("any", { command: ["sh"], tty: false }), { code: "invalid" });
  });

  test("a step outlives the process that started it, can be stopped with all that it started, and ends with its launcher", async () => {
    await using host = await testSandbox(plain);
    const [long, stopped, lost] = await Promise.all(
      [
        "import time; time.sleep(0.5)",
        "import subprocess, time; print(subprocess.Popen(['sleep', '1000']).pid, flush=True); time.sleep(1000)",
        "import time; print('on', flush=True); time.sleep(1000)",
      ].map(async (body) => host.spec(await step(host, body))),
    );
    if (!long || !stopped || !lost) return assert.fail();
    await host.sandbox.start(long);
    await host.sandbox.disconnect();
    await using later = await host.again();
    assert.equal((await later.exitOf(long.id)).exitCode, 0);
    await later.sandbox.start(stopped);
    const child = Number(/stdout F (\d+)\n/.exec(await later.logged(stopped, /stdout F \d+\n/))?.[1]);
    await later.sandbox.signal(stopped.id, "SIGKILL");
    assert.equal((await later.exitOf(stopped.id)).signal, 9);
    await later.sandbox.start(lost);
    await later.logged(lost, "stdout F on");
    process.kill(await later.launcherProcess(), "SIGKILL");
    assert.equal((await later.exitOf(lost.id)).reason, "Lost");
    // Whose child it is now may not have noticed yet, but it runs nothing any more.
    const words = () => readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "");
    await eventually("what the stopped step had started has ended", async () => (await words()) === "");
  });
});
