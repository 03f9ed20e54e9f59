import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { sdkPython, traces } from "@headrace/platform/testing";

const bin = join(import.meta.dirname, "bin", "headrace.js");
const pipeline = join(import.meta.dirname, "testing", "greetings.py");

const sdk = await sdkPython();

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe("the command line", { timeout: 180_000, skip: sdk.skip }, () => {
  let directory: string;
  let path: string;
  let gateway: string;
  let pid: number;
  let failedRun: string;

  /** Runs `headrace` as a user does, with a home and a directory for sockets below `directory`. */
  function headrace(args: readonly string[], home = "home"): Promise<Finished> {
    const env = {
      PATH: path,
      HOME: process.env["HOME"] ?? directory,
      HEADRACE_HOME: join(directory, home),
      XDG_RUNTIME_DIR: directory,
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(HEADRACE_CACHE|PIP_|UV_)/.test(name))),
    };
    return new Promise((resolve) => {
      execFile(process.execPath, [bin, ...args], { env, timeout: 120_000 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      });
    });
  }

  async function ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await headrace(args);
    assert.equal(code, 0, `headrace ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "headrace-cli-"));
    path = `${dirname(sdk.path)}:${process.env["PATH"] ?? ""}`;
  });
  after(async () => {
    await headrace(["down"]);
    await rm(directory, { recursive: true, force: true });
  });

  test("says that nothing runs, with systemd's exit status", async () => {
    const { code, stdout } = await headrace(["status"]);
    assert.equal(code, 3);
    assert.match(stdout, /No Headrace runs on/);
  });

  test("refuses to be reached by other machines without passwords, and leaves nothing behind", async () => {
    const { code, stderr } = await headrace(["up", "--host", "0.0.0.0", "--port", "0", "--kube-port", "0"]);
    assert.equal(code, 1);
    assert.match(stderr, /0\.0\.0\.0 with --auth local/);
    assert.deepEqual(traces({ home: join(directory, "home"), runtime: directory }), []);
  });

  test("starts in the background and says where", async () => {
    const said = JSON.parse(await ok("--output", "json", "up", "--detach", "--port", "0", "--kube-port", "0"));
    assert.deepEqual(Object.keys(said), ["gateway", "kube", "s3", "kubeconfig", "dataDir", "pid"]);
    ({ gateway, pid } = said as { gateway: string; pid: number });
    const status = JSON.parse(await ok("status", "--output", "json"));
    assert.deepEqual([status.running, status.gateway, status.pid, status.runs], [true, gateway, pid, 0]);
  });

  test("is refused on a directory that another holds, and told by whom", async () => {
    const { code, stderr } = await headrace(["up", "--port", "0", "--kube-port", "0"]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`another Headrace holds it \\(pid ${pid}, ${gateway}\\)`));
    assert.match(stderr, /How to fix it/);
  });

  test("is refused a port that is taken, told by whom, and leaves nothing behind", async () => {
    const args = ["up", "--port", new URL(gateway).port, "--kube-port", "0"];
    const { code, stderr } = await headrace(args, "second");
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`it is held by .*\\(pid ${pid}\\)`));
    assert.deepEqual(traces({ home: join(directory, "second"), runtime: directory }), []);
  });

  test("runs a pipeline's source with parameters and prints its outputs", async () => {
    const args = ["run", pipeline, "-p", "name=mill", "-p", "times=2", "--output", "json"];
    const { state, outputs } = JSON.parse(await ok(...args));
    assert.deepEqual([state, outputs], ["SUCCEEDED", { Output: "hello mill, hello mill" }]);
  });

  test("runs the same again from cache, in words", async () => {
    const said = await ok("run", pipeline, "-p", "name=mill", "-p", "times=2");
    assert.match(said, /hello mill, hello mill/);
    assert.match(said, /greetings succeeded in/);
  });

  test("submits and leaves the run alone, if it is told to", async () => {
    const { code, stdout, stderr } = await headrace(["run", pipeline, "-p", "name=mill", "-p", "times=2", "--detach"]);
    assert.equal(code, 0);
    assert.match(stdout, /^[0-9a-f-]{36}\n$/);
    assert.match(stderr, new RegExp(`headrace logs --follow ${stdout.trim()}`));
  });

  test("ends with the run's failure and says what failed", async () => {
    const { code, stdout } = await headrace(["run", pipeline, "-p", "name=nobody", "--output", "json"]);
    const { run, state, error } = JSON.parse(stdout);
    assert.deepEqual([code, state], [1, "FAILED"]);
    assert.match(error, /greet.*\n[^]*ValueError: there is nobody to greet/);
    failedRun = run;
  });

  test("refuses a parameter that the pipeline does not have", async () => {
    const { code, stderr } = await headrace(["run", pipeline, "-p", "nome=mill"]);
    assert.equal(code, 1);
    assert.match(stderr, /nome/);
  });

  test("prints the log of a step, and explains what failed", async () => {
    assert.match(await ok("logs", failedRun), /greeting nobody/);
    assert.match(await ok("explain", `run/${failedRun}`), /there is nobody to greet/);
    const ambiguous = await headrace(["logs", "greetings"]);
    assert.match(
      ambiguous.stderr,
      /4 runs are meant by "greetings"\nWhy: They are .*\nHow to fix it: Give more of the id/,
    );
  });

  test("refuses to restore what is no backup", async () => {
    const { code, stderr } = await headrace(["restore", pipeline, "--data-dir", join(directory, "restored")]);
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot restore: this is no whole backup of Headrace: .*\nHow to fix it: .*\n$/);
  });

  test("lists runs, repeats them from a task or with another input, says why, and tidies them", async () => {
    const [id = ""] = JSON.parse(await ok("runs", "list", "--state", "succeeded", "-o", "json")).map(
      ({ run_id }: { run_id: string }) => run_id,
    );
    assert.match(await ok("runs", "list", "--state", "succeeded"), new RegExp(`${id} +greetings +succeeded`));
    assert.match(await ok("explain", `run/${id}`), /root\/greet: Reused what root\/greet of run "greetings"/);
    assert.match(await ok("runs", "retry", id.slice(0, 8), "--from", "greet"), /greetings succeeded/);
    assert.match(await ok("explain", `run/${id}`), /root\/greet: Not reused: the run was to be retried from here/);
    assert.match(await ok("runs", "clone", id, "-p", "times=3"), /hello mill, hello mill, hello mill/);
    const refused = await headrace(["runs", "retry", id, "--from", "greed"]);
    assert.match(refused.stderr, /has no task greed\nHow to fix it: Write one of: root\/greet/);
    await ok("runs", "archive", id);
    assert.equal(await ok("runs", "list", "--archived", "-o", "name"), `run/${id}\n`);
    await ok("runs", "delete", id);
    assert.equal((await headrace(["runs", "get", id])).code, 1);
  });

  test("keeps pipelines and their versions", async () => {
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

  test("stops, and nothing is left: no process, socket or control group", async () => {
    const place = { home: join(directory, "home"), runtime: directory };
    assert.notDeepEqual(traces(place), []);
    assert.match(await ok("down"), new RegExp(`pid ${pid}\\) has stopped`));
    assert.deepEqual(traces(place), []);
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.startsWith("headrace-")),
      [],
    );
    assert.equal((await headrace(["status"])).code, 3);
  });
});
