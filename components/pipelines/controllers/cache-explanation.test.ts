import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PipelineTables } from "../records/tables.ts";
import { type Bench, compiledPipelines, createBench, type Ended, program } from "../testing/index.ts";
import { explainCache } from "./cache-explanation.ts";
import { PipelineCache } from "./pipeline-cache.ts";

const pipelines = await compiledPipelines();
const skip = pipelines ? false : "no KFP SDK to compile with";
const pipeline = (name: string): string => pipelines?.get(name) ?? "";

/** The sentence about one task of a run. */
async function explain(bench: Bench, { tasks }: Ended, key: string): Promise<string> {
  const { db } = bench.records.in<PipelineTables>("kubeflow");
  const id = tasks.find((task) => task.key === key)?.id ?? 0;
  const reasons = await explainCache(db, new PipelineCache(), id);
  return reasons.map(({ summary, remedy }) => [summary, remedy].join(" | ")).join("\n");
}

describe("why a step was reused or not", { skip }, () => {
  test("is told by the run that it came from, or by what is missing", async () => {
    await using bench = await createBench(program);
    const first = await bench.run(pipeline("one_step"));
    assert.match(
      await explain(bench, first, "root/add"),
      /Not reused: no earlier run of pipeline "one-step" has a result/,
    );
    const second = await bench.run(pipeline("one_step"));
    assert.match(
      await explain(bench, second, "root/add"),
      new RegExp(`^root/add: Reused what root/add of run "one-step run" \\(${first.run.run.slice(0, 8)}\\) of .* made`),
    );
    assert.equal(await explain(bench, second, "root"), "");
  });

  test("names the input that differs, with both values", async () => {
    await using bench = await createBench(program);
    await bench.run(pipeline("one_step"), { parameters: { a: 1 } });
    const other = await bench.run(pipeline("one_step"), { parameters: { a: 2 } });
    assert.match(await explain(bench, other, "root/add"), /Not reused: since run .*, input "a" was 1 and is 2/);
  });

  test("names the line of code that differs", async () => {
    await using bench = await createBench(program);
    await bench.run(pipeline("one_step"));
    const changed = pipeline("one_step").replace("return a + b", "return b + a");
    assert.match(
      await explain(bench, await bench.run(changed), "root/add"),
      /its code or command was "return a \+ b" and is "return b \+ a"/,
    );
  });

  test("leads from an artifact that is another one to the step that made it", async () => {
    await using bench = await createBench(program);
    await bench.run(pipeline("artifacts"), { parameters: { size: 3 } });
    const other = await bench.run(pipeline("artifacts"), { parameters: { size: 4 } });
    const make = other.tasks.find(({ key }) => key === "root/make");
    assert.match(
      await explain(bench, other, "root/train"),
      new RegExp(`input "rows" is another artifact, made by root/make \\| See why that ran: .*-${make?.id}$`),
    );
  });

  test("tells of switches, of age, of lost artifacts, and of a retry", async () => {
    await using bench = await createBench(program);
    await bench.run(pipeline("artifacts"));
    const off = await bench.run(pipeline("artifacts"), { cache: false });
    assert.match(await explain(bench, off, "root/make"), /caching is off for this run/);
    await bench.clock.advance(120_000);
    const old = await bench.run(pipeline("artifacts"), { cacheMaxAgeMs: 60_000 });
    assert.match(await explain(bench, old, "root/make"), /was 2m old, and may be 60s old at most|was 120s old/);
    bench.shelf.uris.clear();
    const gone = await bench.run(pipeline("artifacts"));
    assert.match(await explain(bench, gone, "root/make"), /artifacts of the equal step in run .* are gone/);
    await bench.engine.retry({ ns: "kubeflow", id: gone.run.run }, ["root/train"]);
    const again = await bench.ended({ ns: "kubeflow", id: gone.run.run });
    assert.match(await explain(bench, again, "root/train"), /was to be retried from here/);
  });
});
