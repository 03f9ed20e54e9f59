import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { taskArtifactsOf } from "../records/artifacts.ts";
import type { PipelineTables } from "../records/tables.ts";
import { type Bench, compiledPipelines, createBench, passTime, program } from "../testing/index.ts";

const pipelines = await compiledPipelines();
const skip = pipelines ? false : "no KFP SDK to compile with";
const pipeline = (name: string): string => pipelines?.get(name) ?? "";

/** `task name`, the last two segments of the URI, and the type, of each log that is an output. */
async function logsOf(bench: Bench, { ns, id }: { ns: string; id: string }): Promise<readonly string[]> {
  const rows = await taskArtifactsOf(bench.records.in<PipelineTables>(ns).db, ns, id);
  return rows
    .filter(({ port }) => port === "executor-logs")
    .map(({ uri, type, digest, index }) => `${index} ${uri.split("/").slice(-2).join("/")} ${type} ${digest !== null}`);
}

const archived = async (bench: Bench): Promise<readonly (string | null)[]> =>
  (await bench.records.all().db.selectFrom("attempt").select("log").orderBy("task").orderBy("n").execute()).map(
    ({ log }) => log,
  );

describe("what steps print, as artifacts", { skip }, () => {
  test("is an output of each step beside its others, and kept only there", async () => {
    await using bench = await createBench(program, { publishLogs: true });
    const run = await bench.submit(pipeline("artifacts"));
    const { tasks } = await bench.ended(run);
    const [make, train, use] = ["make", "train", "use"].map((name) => tasks.find((task) => task.name === name)?.id);
    assert.deepEqual(await logsOf(bench, run), [
      `0 make-${make}/executor-logs-0 system.Artifact true`,
      `0 train-${train}/executor-logs-0 system.Artifact true`,
      `0 use-${use}/executor-logs-0 system.Artifact true`,
    ]);
    for (const log of await archived(bench)) assert.match(log ?? "", /\/executor-logs-0$/);
  });

  test("is none unless that is asked for", async () => {
    await using bench = await createBench(program);
    const run = await bench.submit(pipeline("artifacts"));
    await bench.ended(run);
    assert.deepEqual(await logsOf(bench, run), []);
    assert.deepEqual(await archived(bench), [null, null, null]);
  });

  test("stays for every try, of a step's own retries and of the run's", async () => {
    await using bench = await createBench(
      (step) => (step.attempt < 2 && step.parameters["text"] === "shaky" ? { exitCode: 1 } : program(step)),
      { publishLogs: true },
    );
    const run = await bench.submit(pipeline("retries"));
    await passTime(bench, 60, () => bench.node.ran.length === 4);
    const { tasks } = await bench.ended(run);
    const shaky = tasks.find(({ name }) => name === "echo");
    const logs = async () => (await logsOf(bench, run)).filter((line) => line.includes(`echo-${shaky?.id}/`));
    const log = (n: number): string => `${n} echo-${shaky?.id}/executor-logs-${n} system.Artifact true`;
    assert.deepEqual(await logs(), [log(0), log(1), log(2)]);
    await bench.engine.retry(run, [shaky?.key ?? ""]);
    await bench.ended(run);
    assert.deepEqual(await logs(), [log(0), log(1), log(2), log(3)]);
  });

  test("is that of a step that failed, and of the one that ran where a result is reused", async () => {
    await using broken = await createBench(() => ({ exitCode: 1 }), { publishLogs: true });
    const failed = await broken.submit(pipeline("one_step"));
    await broken.ended(failed);
    assert.equal((await logsOf(broken, failed)).length, 1);
    await using bench = await createBench(program, { publishLogs: true });
    const first = await bench.submit(pipeline("one_step"));
    await bench.ended(first);
    const second = await bench.submit(pipeline("one_step"));
    const { states } = await bench.ended(second);
    assert.equal(states["root/add"], "CACHED");
    assert.deepEqual(await logsOf(bench, second), await logsOf(bench, first));
  });
});
