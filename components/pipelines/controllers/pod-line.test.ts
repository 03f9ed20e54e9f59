import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pod } from "@headrace/k8s";
import { eventually } from "@headrace/model/testing";
import { type Bench, createBench, passTime, program } from "../testing/index.ts";
import { fanOutPipeline } from "../testing/shapes.ts";

const width = 600;
/** As many as may wait for a node at once. */
const room = 250;

async function podsOf(bench: Bench): Promise<readonly Pod[]> {
  return (await bench.api.client.resource(Pod).list({ namespace: "kubeflow" })).items;
}

const count = async (bench: Bench): Promise<number> => (await podsOf(bench)).length;

describe("a loop of more turns than there is room for", () => {
  test("has pods as they find a node, and all of its steps run, after a restart too", async () => {
    await using bench = await createBench(program);
    bench.node.isPaused = true;
    const run = await bench.submit(fanOutPipeline(width), { cache: false });
    await eventually("as many pods as may wait are there", async () => (await count(bench)) === room);
    await bench.restart();
    bench.node.resume();
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "SUCCEEDED");
    assert.equal(bench.node.ran.length, width);
  });

  test("does not hold up itself for ever with pods that no node takes", async () => {
    await using bench = await createBench(program);
    bench.node.isPaused = true;
    await bench.submit(fanOutPipeline(width), { cache: false });
    await eventually("as many pods as may wait are there", async () => (await count(bench)) === room);
    await passTime(bench, 40, () => false);
    await eventually("others have come", async () => (await count(bench)) > room);
  });

  test("ends at once when it is terminated, without the pods that it never had", async () => {
    await using bench = await createBench(program);
    bench.node.isPaused = true;
    const run = await bench.submit(fanOutPipeline(width), { cache: false });
    await eventually("as many pods as may wait are there", async () => (await count(bench)) === room);
    await bench.engine.terminate(run);
    const ended = await bench.ended(run);
    assert.equal(ended.run.state, "CANCELED");
    assert.ok((await podsOf(bench)).length <= room);
  });
});
