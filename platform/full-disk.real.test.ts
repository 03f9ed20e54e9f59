import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "@headrace/model/testing";
import { HeadraceProcess } from "./testing/headrace-process.ts";
import { SmallDisk } from "./testing/small-disk.ts";

const refusal = SmallDisk.refusal();

/** Headraces on one small disk; steps see `shared`, which lies elsewhere. */
class Crowded implements AsyncDisposable {
  readonly #directory: string;
  readonly shared: string;
  readonly disk: SmallDisk;
  headrace: HeadraceProcess;

  private constructor(directory: string, disk: SmallDisk) {
    this.#directory = directory;
    this.shared = join(directory, "shared");
    this.disk = disk;
    for (const name of ["run", "shared"]) mkdirSync(join(directory, name), { mode: 0o777 });
    this.headrace = this.start();
  }

  static async make(): Promise<Crowded> {
    const directory = mkdtempSync(join(tmpdir(), "headrace-full-"));
    return new Crowded(directory, await SmallDisk.mount(join(directory, "disk"), 64));
  }

  start(): HeadraceProcess {
    this.headrace = new HeadraceProcess({
      home: join(this.disk.path, "home"),
      runtime: join(this.#directory, "run"),
      shares: [this.shared],
      within: this.disk.within,
    });
    return this.headrace;
  }

  async ask(path: string, body?: unknown): Promise<{ status: number; text: string }> {
    const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const response = await fetch(`${await this.headrace.ready}${path}`, body === undefined ? {} : post);
    return { status: response.status, text: await response.text() };
  }

  /** Submits a run of one step, a shell script whose `$0` is the place of its artifact. */
  submit(script: string): Promise<{ status: number; text: string }> {
    const artifacts = { out: { artifactType: { schemaTitle: "system.Artifact", schemaVersion: "0.0.1" } } };
    const command = ["sh", "-c", script, "{{$.outputs.artifacts['out'].path}}"];
    return this.ask("/apis/v2beta1/runs", {
      display_name: "full",
      pipeline_spec: {
        schemaVersion: "2.1.0",
        pipelineInfo: { name: "full" },
        components: { step: { executorLabel: "step", outputDefinitions: { artifacts } } },
        deploymentSpec: { executors: { step: { container: { image: "alpine", command } } } },
        root: { dag: { tasks: { step: { componentRef: { name: "step" }, taskInfo: { name: "step" } } } } },
      },
    });
  }

  /** The id of a run that must be taken. */
  async run(script: string): Promise<string> {
    const { status, text } = await this.submit(script);
    assert.equal(status, 200, text);
    return (JSON.parse(text) as { run_id: string }).run_id;
  }

  /** The state of a run that is over, and what went wrong. */
  async ended(run: string): Promise<string> {
    return eventually(`run ${run} ended`, async () => {
      const { state, error } = JSON.parse((await this.ask(`/apis/v2beta1/runs/${run}`)).text) as {
        state: string;
        error?: { message: string };
      };
      return state === "SUCCEEDED" || state === "FAILED" ? `${state}${error ? `: ${error.message}` : ""}` : undefined;
    });
  }

  /** Submits a large pipeline, then a large object, until each is refused; resolves to what was said, and to the runs that were taken. */
  async untilRefused(): Promise<{ refusals: readonly string[]; taken: readonly string[] }> {
    const taken: string[] = [];
    for (;;) {
      const { status, text } = await this.submit(
        `echo x >> ${this.shared}/begun # ${"x".repeat(100_000)} ${taken.length}`,
      );
      if (status === 200) taken.push((JSON.parse(text) as { run_id: string }).run_id);
      else return { taken, refusals: [`${status} ${text}`, await this.#objectRefusal()] };
    }
  }

  async #objectRefusal(): Promise<string> {
    for (let n = 0; ; n += 1) {
      const { status, text } = await this.ask("/kube/api/v1/namespaces/kubeflow/configmaps", {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: `large-${n}` },
        data: { large: "x".repeat(900_000) },
      });
      if (status !== 201) return `${status} ${text}`;
    }
  }

  begun(): string {
    const file = join(this.shared, "begun");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.headrace.stop();
    await this.disk[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

test(
  "on a full disk what cannot be kept is refused, what was taken goes on, and all is well once there is room",
  { skip: refusal ?? false },
  async () => {
    await using crowded = await Crowded.make();
    const waiting = await crowded.run(
      `echo x >> ${crowded.shared}/begun; while [ ! -e ${crowded.shared}/go ]; do sleep 0.05; done`,
    );
    await eventually("the step began", () => crowded.begun() === "x\n");
    crowded.disk.fill();
    const { refusals, taken } = await crowded.untilRefused();
    for (const refusal of refusals) assert.match(refusal, /^503 .*disk is full; free some space, then try again/);

    writeFileSync(join(crowded.shared, "go"), "");
    await crowded.headrace.kill();
    await assert.rejects(crowded.start().ready, /Cannot start on .*: its disk is full[^]*Free some space there/);

    crowded.disk.free();
    crowded.start();
    for (const run of [waiting, ...taken]) assert.equal(await crowded.ended(run), "SUCCEEDED");
    assert.equal(crowded.begun(), "x\n".repeat(1 + taken.length));
    assert.equal(await crowded.ended(await crowded.run("true")), "SUCCEEDED");
  },
);

test(
  "a step that fills the disk fails, and takes nobody along: neither its scratch space, nor its artifact, nor its log",
  { skip: refusal ?? false },
  async () => {
    await using crowded = await Crowded.make();
    const much = "head -c 100000000 /dev/zero";
    // The first few commits reserve the room in which an end is written down.
    for (let n = 0; n < 5; n += 1) assert.equal(await crowded.ended(await crowded.run("true")), "SUCCEEDED");
    const noRoom = /^FAILED: .* failed: the step exited with code 1: the disk of Headrace's data directory is full/;
    assert.match(await crowded.ended(await crowded.run(`${much} > /tmp/much`)), noRoom);
    assert.equal(await crowded.ended(await crowded.run(`echo small > "$0"`)), "SUCCEEDED");
    assert.match(
      await crowded.ended(await crowded.run("head -c 100000000 /dev/zero > /dev/shm/much")),
      /no space was left/,
    );
    const filling = await crowded.run(`${much} > "$0"`);
    assert.match(await crowded.ended(filling), noRoom);
    assert.equal(await crowded.ended(await crowded.run(`${much} | tr '\\0' 'x'`)), "SUCCEEDED");
    // Enough of them that what is journalled of each needs more than the disk's last block.
    for (let n = 0; n < 12; n += 1) assert.equal(await crowded.ended(await crowded.run("true")), "SUCCEEDED");
    const removed = await fetch(`${await crowded.headrace.ready}/apis/v2beta1/runs/${filling}`, { method: "DELETE" });
    assert.equal(removed.status, 200);
    await eventually(
      "the bytes of the deleted run are free",
      async () => (await crowded.ended(await crowded.run(`echo small > "$0"`))) === "SUCCEEDED",
    );
  },
);
