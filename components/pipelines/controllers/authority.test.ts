import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { attemptLabel, reportPath, runLabel, taskLabel } from "../core/pod.ts";
import { refuseStep } from "../records/step-authority.ts";
import type { PipelineTables } from "../records/tables.ts";
import { type Bench, createBench } from "../testing/index.ts";
import { checkReach } from "./authority.ts";

const root = "minio://mlpipeline/v2/artifacts";
const mine = "11111111-1111-4111-8111-111111111111";
const theirs = "22222222-2222-4222-8222-222222222222";

/** A run of ours, and one of another namespace. */
async function twoRuns(): Promise<Bench> {
  const bench = await createBench(() => ({}));
  const run = { state: "SUCCEEDED", error: null, created_at: 1, started_at: 1, finished_at: 1 } as const;
  const rows = [
    { ...run, id: mine, ns: "kubeflow" },
    { ...run, id: theirs, ns: "other" },
  ];
  await bench.records.all().transaction(({ db }) => db.insertInto("run").values(rows).execute());
  return bench;
}

describe("the reach of a URI", () => {
  const answers: readonly [uri: string, refusal: RegExp | undefined][] = [
    ["gs://elsewhere/data", undefined],
    [`${root}/p/${mine}/train-1/0/model`, undefined],
    [`${root}/p/${theirs}/train-1/0/model`, /belongs to a run of another namespace/],
    [`${root}/p/${mine}/../${theirs}/train-1/0/model`, /goes upwards/],
    ["minio://mlpipeline", /artifacts of other runs/],
    [`${root}/`, /artifacts of other runs/],
    [`${root}/p`, /artifacts of other runs/],
    [`${root}/p/data/file`, undefined],
    ["minio://mlpipeline/v2/other", undefined],
  ];
  for (const [uri, refusal] of answers) {
    test(`${uri} is ${refusal ? "refused" : "taken"}`, async () => {
      await using bench = await twoRuns();
      const { db } = bench.records.all<PipelineTables>();
      const check = checkReach(db, "kubeflow", uri, root);
      if (refusal) await assert.rejects(check, refusal);
      else await check;
    });
  }
});

describe("what a pod may mount", () => {
  test("artifacts, and directories of runs, of its own namespace", async () => {
    await using bench = await twoRuns();
    const attempt = { task: 1, n: 0, state: "CREATED", exit_code: null, reason: null, message: null } as const;
    await bench.records.all().transaction(async ({ db }) => {
      await db
        .insertInto("attempt")
        .values({
          ...attempt,
          ns: "kubeflow",
          run: mine,
          pod: "step",
          log: null,
          created_at: 1,
          started_at: null,
          finished_at: null,
        })
        .execute();
    });
    const labels = { [runLabel]: mine, [taskLabel]: "1", [attemptLabel]: "0" };
    const refusal = (uri: string, log?: string) =>
      refuseStep(
        bench.records,
        { metadata: { name: "step", namespace: "kubeflow", labels } },
        {
          artifacts: [{ path: "/in", uri, mode: "read" }],
          scratch: "/tmp",
          files: [],
          outputs: [],
          ...(log !== undefined && { log }),
          report: reportPath(mine, 1, 0),
        },
      );
    assert.equal(await refusal(`${root}/p/${mine}`), undefined);
    assert.match((await refusal(`${root}/p/${theirs}`)) ?? "", /is not an artifact of namespace "kubeflow"/);
    assert.match((await refusal(`${root}/p`)) ?? "", /is not an artifact/);
    assert.match((await refusal(`${root}/p/${mine}/../..`)) ?? "", /is not an artifact/);
    assert.equal(await refusal(`${root}/p/${mine}`, `${root}/p/${mine}/step-1/executor-logs-0`), undefined);
    assert.match((await refusal(`${root}/p/${mine}`, `${root}/p/${theirs}/log`)) ?? "", /is not below its own run/);
  });
});
