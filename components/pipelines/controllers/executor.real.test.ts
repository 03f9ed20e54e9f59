import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { ArtifactStore } from "@headrace/artifacts";
import { compiledPipelines, createBench, createShelf, kfpPython, pythonProgram } from "../testing/index.ts";

const python = await kfpPython();
const pipelines = await compiledPipelines();
const skip = pipelines ? false : "no KFP SDK to compile with";

describe("the stock SDK's executor", { skip }, () => {
  test("takes what the engine tells a step, and the engine what it writes", async () => {
    const directory = await mkdtemp(join(tmpdir(), "headrace-steps-"));
    // Paths are mounted as they are, so that steps need no containers.
    const artifacts: ArtifactStore = { ...createShelf(), supports: () => ({ ok: true }), in: () => artifacts };
    await using bench = await createBench(pythonProgram(python ?? "", directory), { artifacts });
    try {
      const run = await bench.submit(pipelines?.get("real") ?? "", { pipelineRoot: join(directory, "artifacts") });
      const ended = await bench.ended(run);
      assert.equal(ended.run.error, null);
      assert.equal(ended.run.state, "SUCCEEDED");
      assert.deepEqual(ended.outputs("root/exit-handler-1/join"), { Output: "row-0,row-1" });
      assert.equal(ended.states["root/exit-handler-1/condition-3/split-2"], "SUCCEEDED");
      const metrics = await bench.records
        .all()
        .db.selectFrom("artifact")
        .select("metadata")
        .where("type", "=", "system.Metrics")
        .executeTakeFirst();
      assert.deepEqual(JSON.parse(metrics?.metadata ?? ""), { parts: 2 });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
