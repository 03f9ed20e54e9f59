import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { eventually, once } from "@headrace/model/testing";
import { endWithTests, sdkPython, traces } from "@headrace/platform/testing";

const bin = join(import.meta.dirname, "bin", "headrace.js");
const pipeline = join(import.meta.dirname, "testing", "greetings.py");

const sdk = await sdkPython();

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `headrace run --output json` says. */
interface Ended {
  readonly run: string;
  readonly state: string;
  readonly error: string;
  readonly outputs: Readonly<Record<string, unknown>>;
}

interface Started {
  readonly gateway: string;
  readonly pid: number;
}

describe("the command line", { skip: sdk.skip }, () => {
  /** Each Headrace has a home and a directory for sockets of its own below. */
  let directory: string;
  let path: string;
  const over = new AbortController();
  const asked = new Set<Promise<unknown>>();
  const bonds = new Map<string, Disposable>();
  const placeOf = (name: string) => ({ home: join(directory, name), runtime: join(directory, `${name}-run`) });

  /** Runs `headrace` as a user does, on the home of that name. */
  function headrace(args: readonly string[], name = "home", signal?: AbortSignal): Promise<Finished> {
    const { home, runtime } = placeOf(name);
    mkdirSync(runtime, { recursive: true, mode: 0o700 });
    const env = {
      PATH: path,
      HOME: process.env["HOME"] ?? directory,
      HEADRACE_HOME: home,
      XDG_RUNTIME_DIR: runtime,
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(HEADRACE_CACHE|PIP_|UV_)/.test(name))),
    };
    return new Promise((resolve) => {
      execFile(process.execPath, [bin, ...args], { env, ...(signal && { signal }) }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      });
    });
  }

  /** The same, but ended with the suite: a test that has run out of time still waits for it. */
  function said(args: readonly string[], name?: string): Promise<Finished> {
    const finished = headrace(args, name, over.signal);
    asked.add(finished);
    return finished;
  }

  async function ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await said(args);
    assert.equal(code, 0, `headrace ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  async function up(name: string): Promise<Started> {
    const words = ["--output", "json", "up", "--detach", "--port", "0", "--kube-port", "0"];
    const { code, stdout, stderr } = await said(words, name);
    assert.equal(code, 0, stderr);
    const running = JSON.parse(stdout) as Started;
    bonds.set(name, endWithTests(running.pid));
    return running;
  }

  async function down(name: string): Promise<Finished> {
    const finished = await headrace(["down"], name);
    bonds.get(name)?.[Symbol.dispose]();
    return finished;
  }

  /** The Headrace that the tests share, and what several of them look at: made by the first of them. */
  const started = once(() => up("home"));
  const greeting = ["run", pipeline, "-p", "name=mill", "-p", "times=2"];
  const greeted = once(async () => {
    await started();
    return JSON.parse(await ok(...greeting, "--output", "json")) as Ended;
  });
  const greetedFromCache = once(async () => {
    await greeted();
    return JSON.parse(await ok(...greeting, "--output", "json")) as Ended;
  });
  const failed = once(async () => {
    await started();
    const { code, stdout } = await said(["run", pipeline, "-p", "name=nobody", "--output", "json"]);
    return { code, ...(JSON.parse(stdout) as Ended) };
  });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "headrace-cli-"));
    path = `${dirname(sdk.path)}:${process.env["PATH"] ?? ""}`;
  });
  after(async () => {
    over.abort();
    await Promise.all(asked);
    for (const name of ["home", "alone"]) await down(name);
    await rm(directory, { recursive: true, force: true });
  });

  test("says that nothing runs, with systemd's exit status", async () => {
    const { code, stdout } = await said(["status"], "none");
    assert.equal(code, 3);
    assert.match(stdout, /No Headrace runs on/);
  });

  test("refuses to be reached by other machines without passwords, and leaves nothing behind", async () => {
    const { code, stderr } = await said(["up", "--host", "0.0.0.0", "--port", "0", "--kube-port", "0"], "open");
    assert.equal(code, 1);
    assert.match(stderr, /0\.0\.0\.0 with --auth local/);
    assert.deepEqual(traces(placeOf("open")), []);
  });

  test("starts in the background and says where; stops, and nothing is left: no process, socket or control group", async () => {
    const place = placeOf("alone");
    const words = await up("alone");
    const { gateway, pid } = words;
    assert.deepEqual(Object.keys(words), ["gateway", "kube", "s3", "kubeconfig", "dataDir", "pid"]);
    const status = JSON.parse((await said(["status", "--output", "json"], "alone")).stdout);
    assert.deepEqual([status.running, status.gateway, status.pid, status.runs], [true, gateway, pid, 0]);
    assert.notDeepEqual(traces(place), []);
    const { code, stdout } = await down("alone");
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`pid ${pid}\\) has stopped`));
    assert.deepEqual(traces(place), []);
    assert.deepEqual(readdirSync(place.runtime), []);
    assert.equal((await said(["status"], "alone")).code, 3);
  });

  test("leaves no Headrace behind if it is interrupted while one starts", async () => {
    const place = placeOf("interrupted");
    const interrupt = new AbortController();
    const starting = headrace(["up", "--detach", "--port", "0", "--kube-port", "0"], "interrupted", interrupt.signal);
    const log = join(place.home, "logs", "headrace.log");
    await eventually("it has begun", () => existsSync(log) && traces(place).length > 1);
    interrupt.abort();
    await starting;
    await eventually("nothing is left", () => traces(place).length === 0);
  });

  test("is refused on a directory that another holds, and told by whom", async () => {
    const { gateway, pid } = await started();
    const { code, stderr } = await said(["up", "--port", "0", "--kube-port", "0"]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`another Headrace holds it \\(pid ${pid}, ${gateway}\\)`));
    assert.match(stderr, /How to fix it/);
  });

  test("is refused a port that is taken, told by whom, and leaves nothing behind", async () => {
    const { gateway, pid } = await started();
    const { code, stderr } = await said(["up", "--port", new URL(gateway).port, "--kube-port", "0"], "second");
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`it is held by .*\\(pid ${pid}\\)`));
    assert.deepEqual(traces(placeOf("second")), []);
  });

  test("runs a pipeline's source with parameters and prints its outputs", async () => {
    const { state, outputs } = await greeted();
    assert.deepEqual([state, outputs], ["SUCCEEDED", { Output: "hello mill, hello mill" }]);
  });

  test("runs the same again from cache, in words", async () => {
    await greeted();
    const words = await ok(...greeting);
    assert.match(words, /hello mill, hello mill/);
    assert.match(words, /greetings succeeded in/);
  });

  test("submits and leaves the run alone, if it is told to", async () => {
    await started();
    const { code, stdout, stderr } = await said([...greeting, "--detach"]);
    assert.equal(code, 0);
    assert.match(stdout, /^[0-9a-f-]{36}\n$/);
    assert.match(stderr, new RegExp(`headrace logs --follow ${stdout.trim()}`));
  });

  test("ends with the run's failure and says what failed", async () => {
    const { code, state, error } = await failed();
    assert.deepEqual([code, state], [1, "FAILED"]);
    assert.match(error, /greet.*\n[^]*ValueError: there is nobody to greet/);
  });

  test("refuses a parameter that the pipeline does not have", async () => {
    const { code, stderr } = await said(["run", pipeline, "-p", "nome=mill"]);
    assert.equal(code, 1);
    assert.match(stderr, /nome/);
  });

  test("prints the log of a step, and explains what failed", async () => {
    const { run } = await failed();
    await greeted();
    assert.match(await ok("logs", run), /greeting nobody/);
    assert.match(await ok("explain", `run/${run}`), /there is nobody to greet/);
    const ambiguous = await said(["logs", "greetings"]);
    assert.match(
      ambiguous.stderr,
      /\d+ runs are meant by "greetings"\nWhy: They are .*\nHow to fix it: Give more of the id/,
    );
  });

  test("refuses to restore what is no backup", async () => {
    const { code, stderr } = await said(["restore", pipeline, "--data-dir", join(directory, "restored")]);
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot restore: this is no whole backup of Headrace: .*\nHow to fix it: .*\n$/);
  });

  test("lists runs, repeats them from a task or with another input, says why, and tidies them", async () => {
    const { run: id } = await greetedFromCache();
    assert.match(await ok("runs", "list", "--state", "succeeded"), new RegExp(`${id} +greetings +succeeded`));
    assert.match(await ok("explain", `run/${id}`), /root\/greet: Reused what root\/greet of run "greetings"/);
    assert.match(await ok("runs", "retry", id, "--from", "greet"), /greetings succeeded/);
    assert.match(await ok("explain", `run/${id}`), /root\/greet: Not reused: the run was to be retried from here/);
    assert.match(await ok("runs", "clone", id, "-p", "times=3"), /hello mill, hello mill, hello mill/);
    const refused = await said(["runs", "retry", id, "--from", "greed"]);
    assert.match(refused.stderr, /has no task greed\nHow to fix it: Write one of: root\/greet/);
    await ok("runs", "archive", id);
    assert.equal(await ok("runs", "list", "--archived", "-o", "name"), `run/${id}\n`);
    await ok("runs", "delete", id);
    assert.equal((await said(["runs", "get", id])).code, 1);
  });

  test("keeps pipelines and their versions", async () => {
    await started();
    const file = join(directory, "sum.yaml");
    const compile = join(import.meta.dirname, "../../python/compile_pipeline.py");
    const { stdout } = await promisify(execFile)(sdk.path, [compile, pipeline]);
    await writeFile(file, stdout);
    assert.match(await ok("pipelines", "upload", file), /First version of "greetings"/);
    assert.match(await ok("pipelines", "upload", file, "--version-name", "second"), /Next version of "greetings"/);
    const [newest] = JSON.parse(await ok("pipelines", "versions", "greetings", "-o", "json"));
    assert.deepEqual([newest.name, newest.pipeline_spec.pipelineInfo.name], ["second", "greetings"]);
    await ok("pipelines", "delete", "greetings");
    assert.equal(await ok("pipelines", "list", "-o", "json"), "[]\n");
  });

  test("runs a pipeline by the clock, and stops doing so", async () => {
    await started();
    const made = await ok(
      "recurring-runs",
      "create",
      "often",
      "--file",
      pipeline,
      "--every",
      "1s",
      "--disabled",
      "-p",
      "name=you",
    );
    const id = made.trim();
    await ok("recurring-runs", "enable", id.slice(0, 8));
    assert.match(await ok("recurring-runs", "list"), new RegExp(`${id} +often +ENABLED +every 1s`));
    assert.match(await ok("recurring-runs", "delete", "often"), /Deleted "often"/);
  });
});
