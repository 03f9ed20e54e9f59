import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { after, before, describe, test } from "node:test";

import type { CellSpec, ContainerSpec } from "./sandbox.ts";
import { kfpEnvironment } from "./testing/environment.ts";
import { testSandbox, type TestSandbox } from "./testing/sandbox.ts";

const found = await kfpEnvironment();
const skip = "skip" in found ? found.skip : false;
const environment: NonNullable<CellSpec["environment"]> =
  "skip" in found ? { digest: "", path: "/", python: "/", preload: [], trees: [] } : found;
const cell = { tenant: "team-a/default", environment };

const input = JSON.stringify({
  inputs: { parameterValues: { x: 20 } },
  outputs: {
    parameters: { Output: { outputFile: "/tmp/outputs/Output" } },
    outputFile: "/tmp/outputs/executor_output.json",
  },
});

/** The body of a component, after the imports that KFP puts before it. */
const component = (body: string) =>
  `import kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\ndef step(x: int) -> int:\n${body.replaceAll(/^/gm, "    ")}\n    return x + 1\n`;

/** What KFP's compiler writes into a step's command. */
const program =
  'program_path=$(mktemp -d)\n\nprintf "%s" "$0" > "$program_path/ephemeral_component.py"\n_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"\n';

describe("a warm step", { skip }, () => {
  let host: TestSandbox;
  before(async () => {
    host = await testSandbox();
    await host.sandbox.warm(cell);
  });
  after(() => host[Symbol.asyncDispose]());

  const variables = { PATH: `${environment.path}/bin:/usr/bin:/bin`, HOME: "/root", LANG: "C.UTF-8" };
  const spec = (body: string, overrides: Partial<ContainerSpec> = {}): Partial<ContainerSpec> => {
    const source = component(body);
    const words = ["--executor_input", input, "--function_to_execute", "step"];
    return {
      cell,
      environment: variables,
      command: ["sh", "-ec", program, source, ...words],
      warm: { entry: "kfp-executor", source, arguments: words },
      ...overrides,
    };
  };
  const cold = (warm: Partial<ContainerSpec>): Partial<ContainerSpec> => {
    const { command = [], ...rest } = warm;
    return { command, environment: rest.environment ?? variables, cell };
  };
  const comparable = (output: string) =>
    output
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}/g, "TIME")
      .replaceAll(/\/tmp\/tmp\.\w+/g, "/tmp/DIRECTORY")
      .replaceAll(/0x[0-9a-f]+/g, "ADDRESS")
      .split("\n")
      .sort();

  const bodies: Readonly<Record<string, string>> = {
    "prints and returns": "print('hello', x)\nimport sys; print('oh', file=sys.stderr)",
    "raises an exception": "def inner():\n    raise ValueError('no good')\ninner()",
    "exits with a number": "import sys; sys.exit(7)",
    "exits with a large number": "import sys; sys.exit(300)",
    "exits with nothing": "import sys; sys.exit()",
    "exits with a message": "import sys; sys.exit('that was it')",
    "leaves without ceremony": "import os; print('lost unless flushed', flush=True); os._exit(9)",
    "starts processes":
      "import subprocess, multiprocessing\nprint(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout)\nwith multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, -2]))",
    "leaves a thread and an exit handler":
      "import atexit, threading, time\natexit.register(print, 'at exit')\nthreading.Thread(target=lambda: (time.sleep(0.05), print('thread done'))).start()",
    "gives a library more callbacks than it has prepared":
      "import ctypes\nfiles = [open('/dev/zero', 'rb') for _ in range(20)]\ncallbacks = [ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda n, i=i: n + i) for i in range(2000)]\nprint(sum(callback(1) for callback in callbacks))",
    "logs by itself": "import logging\nlogging.getLogger('mine').warning('careful')\nlogging.info('from the root')",
    "looks at itself":
      "import os, sys, signal\nprint(sys.argv[1:2], sys.path, sys.flags, os.getcwd(), __name__, sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering)\nprint(sorted(os.environ.items()))\nprint(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD), signal.getsignal(signal.SIGPIPE), os.umask(0o22))\nprint(sorted(os.listdir('/proc/self/fd'))[:3], sys.modules['__main__'].__spec__.name, sys.executable, sys.prefix)",
  };
  for (const [name, body] of Object.entries(bodies)) {
    test(`that ${name} cannot be told from a fresh interpreter`, async () => {
      const [warm, fresh] = [await host.run(spec(body)), await host.run(cold(spec(body)))];
      assert.deepEqual(comparable(warm.output), comparable(fresh.output));
      assert.deepEqual([warm.exit.exitCode, warm.exit.reason], [fresh.exit.exitCode, fresh.exit.reason]);
    });
  }

  test("says that it is warm, and its command that it is not", async () => {
    const container = host.spec(spec("pass"));
    assert.equal((await host.sandbox.start(container)).warm, true);
    await host.exitOf(container.id);
    const fresh = host.spec(cold(spec("pass")));
    assert.equal((await host.sandbox.start(fresh)).warm, false);
    await host.exitOf(fresh.id);
  });

  for (const [name, value] of [
    ["PYTHONHASHSEED", "1"],
    ["PYTHONPATH", "/tmp"],
    ["LD_PRELOAD", ""],
    ["LC_ALL", "de_DE.ISO-8859-1"],
    ["OMP_NUM_THREADS", "3"],
  ] as const) {
    test(`is run by its command when ${name} would have been read at the start`, async () => {
      const container = host.spec(
        spec("import os; print(os.environ.get('PYTHONHASHSEED'))", { environment: { ...variables, [name]: value } }),
      );
      assert.equal((await host.sandbox.start(container)).warm, false);
      assert.equal((await host.exitOf(container.id)).exitCode, 0);
    });
  }

  test("shares no randomness with another", async () => {
    const body =
      "import os, random, secrets, ssl, tempfile, uuid\nprint('R', random.random(), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(), tempfile.mktemp(), ssl.RAND_bytes(8).hex())";
    const runs = await Promise.all([1, 2, 3].map(() => host.run(spec(body))));
    const drawn = runs.map(({ output }) => /^R (.*)$/m.exec(output)?.[1]?.split(" ") ?? []);
    for (let index = 0; index < 6; index += 1)
      assert.equal(new Set(drawn.map((values) => values[index])).size, 3, `value ${index}`);
  });

  test("finds nothing of earlier steps in its memory, and nothing of the zygote's code", async () => {
    const marker = "secret-of-an-earlier-step";
    await Promise.all(
      [1, 2, 3].map((turn) => host.run(spec("pass", { environment: { ...variables, PASSWORD: `${marker}-${turn}` } }))),
    );
    const body = `
import sys
needle = "-".join(("secret", "of", "an", "earlier", "step", "")).encode()
found = 0
with open("/proc/self/mem", "rb") as memory:
    for line in open("/proc/self/maps"):
        first, last = (int(part, 16) for part in line.split()[0].split("-"))
        if "r" in line.split()[1] and "[v" not in line:
            try:
                memory.seek(first)
                found += memory.read(last - first).count(needle + b"1") + memory.seek(0)
            except (OSError, OverflowError):
                pass
print("found", found, [name for name in ("zygote", "wire", "step", "root", "executor") if name in sys.modules])`;
    const { output } = await host.run(spec(body.trim()));
    assert.match(output, /^found 0 \[\]$/m);
  });

  test("prints at once when asked to", async () => {
    const body = "import time\nprint('first')\ntime.sleep(30)";
    const container = host.spec(spec(body, { environment: { ...variables, PYTHONUNBUFFERED: "1" } }));
    await host.sandbox.start(container);
    await host.logged(container, "stdout F first");
    await host.sandbox.signal(container.id, "SIGKILL");
    assert.equal((await host.exitOf(container.id)).signal, 9);
  });

  test("takes a source and arguments that no command line could hold", async () => {
    const long = component(`text = ${JSON.stringify("x".repeat(300_000))}\nprint('R', len(text))`);
    const words = [
      "--executor_input",
      input.replace("20", `20, "unused": "${"y".repeat(300_000)}"`),
      "--function_to_execute",
      "step",
    ];
    const { exit, output } = await host.run(
      spec("pass", { command: ["true"], warm: { entry: "kfp-executor", source: long, arguments: words } }),
    );
    assert.equal(exit.exitCode, 0, output.slice(-2000));
    assert.match(output, /^R 300000$/m);
  });

  test("computes with as many threads as its cpu limit allows, and as a fresh interpreter without one", async () => {
    const numerical = { ...cell, environment: { ...environment, preload: ["kfp.dsl", "numpy"] } };
    const body =
      "import numpy, os\nm = numpy.ones((500, 500)); m @ m\nprint('threads', len(os.listdir('/proc/self/task')))";
    const limits = host.spec({}).limits;
    const threads = async (overrides: Partial<ContainerSpec>) =>
      /^threads (\d+)$/m.exec((await host.run(overrides)).output)?.[1];
    const warm = spec(body, { cell: numerical });
    assert.equal(await threads({ ...warm, limits: { ...limits, cpuMillis: 900 } }), "1");
    assert.equal(await threads(warm), await threads({ ...cold(warm), cell: numerical }));
    const two = String(Math.min(2, availableParallelism()));
    assert.equal(await threads({ ...warm, limits: { ...limits, cpuMillis: 1500 } }), two);
  });

  test("goes on when the zygote that it came from is killed", async () => {
    const container = host.spec(spec("import time; time.sleep(0.5); print('still here')"));
    await host.sandbox.start(container);
    await host.killZygotes();
    const exit = await host.exitOf(container.id);
    assert.equal(exit.exitCode, 0);
    const next = await host.run(spec("print('next')"));
    assert.match(next.output, /^next$/m);
  });
});
