import assert from "node:assert/strict";
import { test } from "node:test";
import { settle, testClock, type TestClock, testIds } from "@headrace/model/testing";
import type { Records, Scope } from "@headrace/records";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";
import { PipelineCache } from "./pipeline-cache.ts";
import { recurringRunController } from "./recurring-runs.ts";

const path = "/apis/v2beta1/recurringruns";
const minute = 60_000;
const begin = Date.UTC(2026, 0, 1);

/** The face, and a controller that can be killed and started again over the same records. */
interface Clockwork extends AsyncDisposable {
  readonly face: TestFace;
  readonly clock: TestClock;
  readonly errors: unknown[];
  start(records?: Records): Promise<void>;
  kill(): void;
  create(body?: Record<string, unknown>): Promise<string>;
  /** When its runs were scheduled, as minutes after the beginning. */
  ticks(id: string): Promise<readonly number[]>;
  runs(id: string): Promise<readonly Run[]>;
  /** Ends all runs that have not ended. */
  endRuns(id: string): Promise<void>;
  pass(ms: number): Promise<void>;
  /** Sets the clock on the wall, as an administrator or a time server does. */
  jump(ms: number): void;
  get(id: string): Promise<Readonly<Record<string, unknown>>>;
}

interface Run {
  readonly run_id: string;
  readonly display_name: string;
  readonly state: string;
  readonly scheduled_at: string;
  readonly created_at: string;
  readonly recurring_run_id: string;
  readonly runtime_config: unknown;
  readonly pipeline_version_reference?: { readonly pipeline_version_id: string };
}

async function clockwork(timeZone = "UTC"): Promise<Clockwork> {
  const machine = testClock(begin);
  let jumped = 0;
  const clock: TestClock = {
    ...machine,
    now: () => machine.now() + jumped,
    get pending() {
      return machine.pending;
    },
  };
  const face = await testFace({ clock });
  const errors: unknown[] = [];
  let life = new AbortController();
  const rest = () => settle(60);
  const runs = async (id: string) => {
    const query = { recurring_run_id: id, page_size: "200", sort_by: "scheduled_at" };
    const { json } = await face.call("GET", "/apis/v2beta1/runs", { query });
    return (json["runs"] ?? []) as Run[];
  };
  return {
    face,
    clock,
    errors,
    runs,
    async start(records = face.records) {
      life = new AbortController();
      const controller = recurringRunController({
        records,
        engine: face.engine,
        pipelines: new PipelineCache(),
        clock,
        ids: testIds(),
        timeZone,
        onError: (error) => errors.push(error),
      });
      await controller.start(life.signal);
      await rest();
    },
    kill: () => life.abort(),
    async create(body) {
      const answer = await face.call("POST", path, {
        body: {
          display_name: "Every minute!",
          pipeline_spec: addPipeline(),
          runtime_config: { parameters: { a: 1 } },
          max_concurrency: 10,
          trigger: { periodic_schedule: { interval_second: 60 } },
          mode: "ENABLE",
          ...body,
        },
      });
      assert.equal(answer.status, 200, answer.text);
      await rest();
      return String(answer.json["recurring_run_id"]);
    },
    async ticks(id) {
      return (await runs(id)).map(({ scheduled_at }) => (Date.parse(scheduled_at) - begin) / minute);
    },
    async endRuns(id) {
      for (const { run_id, state } of await runs(id)) {
        if (state === "PENDING") await face.engine.settle({ ns: "kubeflow", id: run_id }, "SUCCEEDED");
      }
      await rest();
    },
    async pass(ms) {
      await clock.advance(ms);
      await rest();
    },
    jump: (ms) => void (jumped += ms),
    get: async (id) => (await face.call("GET", `${path}/${id}`)).json,
    async [Symbol.asyncDispose]() {
      life.abort();
      await face[Symbol.asyncDispose]();
    },
  };
}

test("each tick makes a run that says by whom and for when; the engine hears of it", async () => {
  await using works = await clockwork();
  await works.start();
  const id = await works.create();
  await works.pass(2 * minute);
  const [first, second, ...more] = await works.runs(id);
  assert.deepEqual(more, []);
  assert.match(first?.display_name ?? "", /^everyminute[a-z0-9]{5}-1-\d+$/);
  assert.match(second?.display_name ?? "", /^everyminute[a-z0-9]{5}-2-\d+$/);
  assert.deepEqual([first?.recurring_run_id, first?.scheduled_at], [id, "2026-01-01T00:01:00Z"]);
  assert.deepEqual(works.face.engine.told, [`submitted ${first?.run_id}`, `submitted ${second?.run_id}`]);
  assert.equal(works.clock.pending, 1);
});

test("one without a trigger makes one run, when it is made, and no other", async () => {
  await using works = await clockwork();
  await works.start();
  const id = await works.create({ trigger: undefined });
  await works.pass(60 * minute);
  works.kill();
  await works.start();
  assert.deepEqual(await works.ticks(id), [0]);
  assert.equal(works.clock.pending, 0);
});

test("what came due while nobody was there happens at the start: each tick, or only the latest", async () => {
  await using works = await clockwork();
  const each = await works.create();
  const latest = await works.create({ no_catchup: true });
  await works.clock.advance(4.5 * minute);
  await works.start();
  assert.deepEqual([await works.ticks(each), await works.ticks(latest)], [[1, 2, 3, 4], [4]]);
  await works.pass(minute);
  assert.deepEqual(
    [await works.ticks(each), await works.ticks(latest)],
    [
      [1, 2, 3, 4, 5],
      [4, 5],
    ],
  );
});

test("no more runs go on at a time than may; those held back begin, in order, as others end", async () => {
  await using works = await clockwork();
  await works.start();
  const id = await works.create({ max_concurrency: 2 });
  await works.pass(5 * minute);
  assert.deepEqual(await works.ticks(id), [1, 2]);
  await works.endRuns(id);
  assert.deepEqual(await works.ticks(id), [1, 2, 3, 4]);
  await works.endRuns(id);
  assert.deepEqual(await works.ticks(id), [1, 2, 3, 4, 5]);
  const single = await works.create({ max_concurrency: 1, no_catchup: true });
  await works.pass(5 * minute);
  await works.endRuns(single);
  assert.deepEqual(await works.ticks(single), [6, 10]);
});

test("a clock that is set forward is caught up with within a minute, and one that is set back repeats nothing", async () => {
  await using works = await clockwork();
  await works.start();
  const every5 = { periodic_schedule: { interval_second: 300 } };
  const each = await works.create({ trigger: every5 });
  const latest = await works.create({ trigger: every5, no_catchup: true });
  works.jump(17 * minute);
  await works.pass(minute);
  assert.deepEqual([await works.ticks(each), await works.ticks(latest)], [[5, 10, 15], [15]]);
  works.jump(-10 * minute);
  await works.pass(11 * minute);
  assert.deepEqual([await works.ticks(each), await works.ticks(latest)], [[5, 10, 15], [15]]);
  await works.pass(2 * minute);
  assert.deepEqual(
    [await works.ticks(each), await works.ticks(latest)],
    [
      [5, 10, 15, 20],
      [15, 20],
    ],
  );
});

test("one that is disabled, deleted or past its end makes no runs", async () => {
  await using works = await clockwork();
  await works.start();
  const disabled = await works.create({ mode: "DISABLE" });
  const ending = await works.create({
    trigger: { periodic_schedule: { interval_second: 60, end_time: "2026-01-01T00:02:00Z" } },
  });
  const deleted = await works.create();
  await works.pass(minute);
  await works.face.call("DELETE", `${path}/${deleted}`);
  await works.pass(9 * minute);
  assert.deepEqual(
    [await works.ticks(disabled), await works.ticks(ending), await works.ticks(deleted)],
    [[], [1, 2], [1]],
  );
  assert.equal(works.clock.pending, 0);
  await works.face.call("POST", `${path}/${disabled}:enable`);
  await works.pass(minute);
  assert.equal((await works.ticks(disabled)).at(-1), 10);
});

test("deleting stops the runs that have not ended, unless they are orphaned", async () => {
  await using works = await clockwork();
  await works.start();
  const stopped = await works.create();
  const orphaned = await works.create();
  await works.pass(minute);
  await works.face.call("DELETE", `${path}/${stopped}`);
  await works.face.call("DELETE", `${path}/${orphaned}`, { query: { propagation_policy: "ORPHAN" } });
  assert.deepEqual(
    [...(await works.runs(stopped)), ...(await works.runs(orphaned))].map(({ state }) => state),
    ["FAILED", "PENDING"],
  );
});

const pipelines = "/apis/v2beta1/pipelines";

async function newPipeline(face: TestFace): Promise<string> {
  const body = { pipeline: { name: "p" }, pipeline_version: { pipeline_spec: addPipeline() } };
  return String((await face.call("POST", `${pipelines}/create`, { body })).json["pipeline_id"]);
}

test("each run takes the latest version that its pipeline has by then, unless it is bound to one", async () => {
  await using works = await clockwork();
  await works.start();
  const { face } = works;
  const pipeline_id = await newPipeline(face);
  const versions = async () => {
    const { json } = await face.call("GET", `${pipelines}/${pipeline_id}/versions`);
    return (json["pipeline_versions"] as { pipeline_version_id: string }[]).map((each) => each.pipeline_version_id);
  };
  const [first = ""] = await versions();
  const reference = { pipeline_id, pipeline_version_id: first };
  const latest = await works.create({ pipeline_spec: undefined, pipeline_version_reference: { pipeline_id } });
  const bound = await works.create({ pipeline_spec: undefined, pipeline_version_reference: reference });
  await works.pass(minute);
  await face.call("POST", `${pipelines}/${pipeline_id}/versions`, {
    body: { name: "two", pipeline_spec: addPipeline("two") },
  });
  await works.pass(minute);
  const [, second] = await versions();
  const used = async (id: string) =>
    (await works.runs(id)).map((run) => run.pipeline_version_reference?.pipeline_version_id);
  assert.deepEqual(
    [await used(latest), await used(bound)],
    [
      [first, second],
      [first, first],
    ],
  );
});

test("what keeps a tick from making a run is told, and the tick happens once that is put right", async () => {
  await using works = await clockwork();
  await works.start();
  const { face } = works;
  const pipeline_id = await newPipeline(face);
  const id = await works.create({ pipeline_spec: undefined, pipeline_version_reference: { pipeline_id } });
  const { json } = await face.call("GET", `${pipelines}/${pipeline_id}/versions`);
  const [version] = json["pipeline_versions"] as { pipeline_version_id: string }[];
  await face.call("DELETE", `${pipelines}/${pipeline_id}/versions/${version?.pipeline_version_id}`);
  await works.pass(minute);
  const { error, status } = await works.get(id);
  assert.deepEqual(
    [status, error],
    ["ENABLED", { code: 9, message: 'Cannot make a run: Its pipeline "p" has no version; upload one' }],
  );
  await face.call("POST", `${pipelines}/${pipeline_id}/versions`, {
    body: { name: "two", pipeline_spec: addPipeline() },
  });
  await works.pass(minute);
  assert.deepEqual([await works.ticks(id), (await works.get(id))["error"]], [[1, 2], undefined]);
  await face.call("DELETE", `${pipelines}/${pipeline_id}`, { query: { cascade: "true" } });
  await works.pass(minute);
  assert.match(JSON.stringify((await works.get(id))["error"]), /Its pipeline was deleted/);
  assert.deepEqual(works.errors, []);
});

test("a cron expression is read in the time zone of the server", async () => {
  await using works = await clockwork("Asia/Kolkata");
  await works.start();
  const id = await works.create({ trigger: { cron_schedule: { cron: "0 0 9 * * *" } } });
  await works.pass(24 * 60 * minute);
  assert.deepEqual(await works.ticks(id), [3.5 * 60]);
});

test("macros are kept as they are until the run begins", async () => {
  await using works = await clockwork();
  await works.start();
  const id = await works.create({
    pipeline_spec: textPipeline,
    runtime_config: { parameters: { text: "[[Index]] [[ScheduledTime]]" } },
  });
  await works.pass(minute);
  const [run] = await works.runs(id);
  assert.deepEqual(run?.runtime_config, { parameters: { text: "[[Index]] [[ScheduledTime]]" } });
});

const textPipeline = {
  ...addPipeline("greet"),
  root: {
    dag: {
      tasks: {
        adder: { componentRef: { name: "comp-adder" }, inputs: { parameters: {} }, taskInfo: { name: "adder" } },
      },
    },
    inputDefinitions: { parameters: { text: { parameterType: "STRING" } } },
  },
};

test("wherever it is killed, each tick makes one run, no more and no less", async () => {
  // Before or after each of its commits.
  for (let life = 0; life < 8; life++) {
    await using works = await clockwork();
    const id = await works.create({ max_concurrency: 10 });
    const dying = mortal(works.face.records, { commits: Math.floor(life / 2), after: life % 2 === 1, die: works.kill });
    await works.start(dying);
    await works.pass(3 * minute);
    works.kill();
    await works.start();
    await works.pass(minute);
    assert.deepEqual(
      await works.ticks(id),
      [1, 2, 3, 4],
      `killed ${life % 2 ? "after" : "before"} commit ${life >> 1}`,
    );
    const indexes = (await works.runs(id)).map(({ display_name }) => Number(display_name.split("-").at(-2)));
    assert.deepEqual(indexes, [1, 2, 3, 4]);
  }
});

/** Records of a process that ends at a certain commit: what it does then, nobody hears of. */
function mortal(
  records: Records,
  { commits, after, die }: { commits: number; after: boolean; die: () => void },
): Records {
  let left = commits;
  const lives = <DB>(scope: Scope<DB>): Scope<DB> => ({
    ...scope,
    get db() {
      return scope.db;
    },
    async transaction(body) {
      if (left < 0) return new Promise(() => {});
      if (left-- > 0) return scope.transaction(body);
      if (after) await scope.transaction(body);
      die();
      return new Promise(() => {});
    },
  });
  return {
    in: (namespace) => lives(records.in(namespace)),
    all: () => lives(records.all()),
    migrate: (migrations) => records.migrate(migrations),
    changes: (query) => records.changes(query),
    sequence: () => records.sequence(),
    close: () => records.close(),
  };
}
