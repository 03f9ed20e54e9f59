import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "@headrace/model/testing";
import { findLauncher, HeadraceProcess, traces } from "./testing/index.ts";

/** A data directory for Headraces that come and go; steps see `shared` at the same path. */
class Home implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "headrace-crash-"));
  readonly home = join(this.directory, "home");
  readonly runtime = join(this.directory, "run");
  readonly shared = join(this.directory, "shared");
  #headrace: HeadraceProcess | undefined;
  gateway = "";

  get headrace(): HeadraceProcess {
    return this.#headrace ?? assert.fail("Headrace was not started");
  }

  async up(): Promise<void> {
    for (const folder of [this.runtime, this.shared]) await mkdir(folder, { recursive: true });
    const port = this.gateway === "" ? 0 : Number(new URL(this.gateway).port);
    this.#headrace = new HeadraceProcess({ home: this.home, runtime: this.runtime, shares: [this.shared], port });
    this.gateway = await this.#headrace.ready;
  }

  /** Submits a run of one step: a shell script. Resolves to the run's id. */
  async run(script: string, resources: Readonly<Record<string, unknown>> = {}, image = "alpine"): Promise<string> {
    const container = { image, command: ["sh", "-c", script], resources };
    const { run_id } = await this.ask("/apis/v2beta1/runs", {
      display_name: "crash",
      pipeline_spec: {
        schemaVersion: "2.1.0",
        pipelineInfo: { name: "crash" },
        components: { step: { executorLabel: "step" } },
        deploymentSpec: { executors: { step: { container } } },
        root: { dag: { tasks: { step: { componentRef: { name: "step" }, taskInfo: { name: "step" } } } } },
      },
    });
    return String(run_id);
  }

  /** The step's attempts and the run's state once that is final. */
  async ended(run: string): Promise<{ state: string; error: string; attempts: Attempt[] }> {
    const state = await eventually(`run ${run} has ended`, async () => {
      const { state } = await this.ask(`/apis/v2beta1/runs/${run}`);
      return state === "SUCCEEDED" || state === "FAILED" ? state : undefined;
    });
    const task = await this.task(run);
    return { state, error: task?.error?.message ?? "", attempts: task?.attempts ?? [] };
  }

  async task(run: string): Promise<TaskStatus | undefined> {
    const path = "/kube/apis/headrace.io/v1alpha1/namespaces/kubeflow/tasks";
    const { items } = await this.ask(`${path}?labelSelector=headrace.io%2Frun%3D${run}`);
    return (items as TaskItem[]).find(({ spec }) => spec.key === "root/step")?.status;
  }

  /** What steps have said in this file of the shared folder, once it is a line. A file is there before anything is in it. */
  async said(name: string): Promise<string> {
    const read = (): string => {
      try {
        return readFileSync(join(this.shared, name), "utf8");
      } catch {
        return "";
      }
    };
    return eventually(`a step says something in ${name}`, () => {
      const text = read();
      return text.endsWith("\n") && text;
    });
  }

  async ask(path: string, body?: unknown): Promise<Record<string, unknown>> {
    const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(`${this.gateway}${path}`, body === undefined ? {} : post);
    const text = await response.text();
    assert.ok(response.ok, text);
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** Stops Headrace, and finds nothing of it left. */
  async down(): Promise<void> {
    assert.equal(await this.headrace.stop(), 0, this.headrace.words);
    assert.deepEqual(traces(this), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#headrace?.stop();
    rmSync(this.directory, { recursive: true });
  }
}

interface Attempt {
  readonly n: number;
  readonly pod: string;
  readonly state: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
}

interface TaskStatus {
  readonly attempts: Attempt[];
  readonly error?: { readonly message: string };
}

interface TaskItem {
  readonly spec: { readonly key: string };
  readonly status: TaskStatus;
}

const outcomes = (attempts: readonly Attempt[]): unknown => attempts.map(({ state, exitCode }) => [state, exitCode]);

test("a launcher that is killed is replaced, and its steps run on", async () => {
  await using home = new Home();
  await home.up();
  const run = await home.run(`echo x >> ${home.shared}/begun; while [ ! -e ${home.shared}/go ]; do sleep 0.05; done`);
  await home.said("begun");
  const first = findLauncher(home) ?? assert.fail("no launcher");
  process.kill(first, "SIGKILL");
  await eventually("there is another launcher", () => (findLauncher(home) ?? first) !== first);
  const second = await home.run(`touch ${home.shared}/go`);
  assert.equal((await home.ended(second)).state, "SUCCEEDED");
  const { state, attempts } = await home.ended(run);
  assert.deepEqual([state, outcomes(attempts)], ["SUCCEEDED", [["SUCCEEDED", 0]]]);
  assert.equal(await home.said("begun"), "x\n");
  await home.down();
});

test("a step that ends while neither Headrace nor its launcher is there is found to have ended", async () => {
  await using home = new Home();
  await home.up();
  const run = await home.run(`echo x >> ${home.shared}/begun; sleep 0.5; echo x > ${home.shared}/over; exit 7`);
  await home.said("begun");
  process.kill(findLauncher(home) ?? assert.fail("no launcher"), "SIGKILL");
  await home.headrace.kill();
  await home.said("over");
  await home.up();
  const { state, attempts } = await home.ended(run);
  assert.deepEqual([state, outcomes(attempts)], ["FAILED", [["FAILED", 7]]]);
  await home.down();
});

test("stopping ends steps that fork and ignore SIGTERM at once, and they run again at the next start", async () => {
  await using home = new Home();
  await home.up();
  const patience = "(trap '' TERM; while :; do sleep 1; done)";
  const run = await home.run(
    `trap '' TERM; echo x >> ${home.shared}/begun; [ -e ${home.shared}/go ] && exit 0; ${patience} & ${patience}`,
  );
  await home.said("begun");
  await home.down();
  rmSync(join(home.shared, "begun"));
  await home.up();
  await home.said("begun");
  assert.equal(await home.said("begun"), "x\n");
  const { attempts } = (await home.task(run)) ?? assert.fail("no task");
  assert.deepEqual(
    attempts.map(({ state }) => state),
    ["LOST", attempts[1]?.state],
  );
  await home.ask("/apis/v2beta1/runs/" + run + ":terminate", {});
  await home.down();
});

test("stopping may keep pods: their steps run on, and are found again at the next start", async () => {
  await using home = new Home();
  await home.up();
  const run = await home.run(`echo x >> ${home.shared}/begun; while [ ! -e ${home.shared}/go ]; do sleep 0.05; done`);
  await home.said("begun");
  assert.equal(await home.headrace.stop({ keepPods: true }), 0, home.headrace.words);
  await home.up();
  await home.ended(await home.run(`touch ${home.shared}/go`));
  const { state, attempts } = await home.ended(run);
  assert.deepEqual([state, outcomes(attempts)], ["SUCCEEDED", [["SUCCEEDED", 0]]]);
  assert.equal(await home.said("begun"), "x\n");
  await home.down();
});

test("a step may print 200 MB: the newest part is kept, and the step is not held up", async () => {
  await using home = new Home();
  await home.up();
  const { state, attempts } = await home.ended(
    await home.run(
      "yes 'a line of 100 bytes or so, to be kept or not, whatever comes after it, and so on' | head -c 200000000; echo; echo END",
    ),
  );
  assert.deepEqual([state, outcomes(attempts)], ["SUCCEEDED", [["SUCCEEDED", 0]]]);
  const pods = join(home.home, "pods");
  // What the step no longer needs may be removed meanwhile.
  const bytes = readdirSync(pods, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(pods, name), { throwIfNoEntry: false }))
    .reduce((sum, stat) => sum + (stat?.isFile() ? stat.size : 0), 0);
  assert.ok(bytes < 80_000_000, `${bytes} bytes are kept`);
  const log = await fetch(`${home.gateway}/kube/api/v1/namespaces/kubeflow/pods/${attempts[0]?.pod}/log?tailLines=1`);
  assert.equal(await log.text(), "END\n");
  await home.down();
});

test("a step that needs more memory than it may have ends as OOMKilled, and says so", async () => {
  await using home = new Home();
  await home.up();
  const run = await home.run(
    "python3 -c 'x = bytearray(400_000_000)'; exit $?",
    { memoryLimit: 0.1, resourceMemoryLimit: "100Mi" },
    "python:3.11",
  );
  const { state, error, attempts } = await home.ended(run);
  assert.deepEqual([state, attempts.map(({ reason }) => reason)], ["FAILED", ["OOMKilled"]]);
  assert.match(error, /memory/);
  await home.down();
});

test("a step that a signal ends fails with that signal", async () => {
  await using home = new Home();
  await home.up();
  const run = await home.run("exec python3 -c 'import os; os.abort()'", {}, "python:3.11");
  const { state, error, attempts } = await home.ended(run);
  assert.deepEqual([state, outcomes(attempts)], ["FAILED", [["FAILED", 139]]]);
  assert.match(error, /SIGSEGV/);
  await home.down();
});

test("a second Headrace on one data directory is told of the first, which goes on", async () => {
  await using home = new Home();
  await home.up();
  const run = await home.run(`while [ ! -e ${home.shared}/go ]; do sleep 0.05; done`);
  const second = new HeadraceProcess({ home: home.home, runtime: home.runtime });
  await assert.rejects(second.ready, /another Headrace holds it/);
  const go = await home.run(`touch ${home.shared}/go`);
  await home.ended(go);
  assert.equal((await home.ended(run)).state, "SUCCEEDED");
  await home.down();
});

test("a Headrace whose launcher is gone and cannot be started again stops in order all the same", async () => {
  await using home = new Home();
  await home.up();
  const directory = join(home.home, "launcher");
  rmSync(directory, { recursive: true });
  writeFileSync(directory, "no directory any more");
  await eventually("the launcher is gone", () => findLauncher(home) === undefined);
  await home.down();
});
