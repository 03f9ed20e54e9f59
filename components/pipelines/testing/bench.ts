import type { Admission } from "@headrace/apiserver";
import { testApi, type TestApi } from "@headrace/apiserver/testing";
import type { Client } from "@headrace/client";
import { builtIns, Namespace } from "@headrace/k8s";
import { testIds, type TestClock, eventually } from "@headrace/model/testing";
import { finalRunStates, openRecords, type Records, type TaskState } from "@headrace/records";
import { createEngine, type EngineOptions } from "../controllers/engine.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";
import { documentValue, parsePipelineDocuments } from "../core/spec.ts";
import type { Engine, RunKey } from "../engine.ts";
import { keepDocument } from "../records/documents.ts";
import { pipelineMigrations } from "../records/migrations.ts";
import { findRun, insertRun, type RunRow, type TaskRow, tasksOf } from "../records/runs.ts";
import type { PipelineTables } from "../records/tables.ts";
import { createShelf, type Shelf } from "./shelf.ts";
import { type Program, SimulatedNode } from "./simulated-node.ts";

/** What a run came to, for assertions. */
export interface Ended {
  readonly run: RunRow;
  /** State by key. */
  readonly states: Readonly<Record<string, TaskState>>;
  readonly tasks: readonly TaskRow[];
  outputs(key: string): Readonly<Record<string, JsonValue>>;
  inputs(key: string): Readonly<Record<string, JsonValue>>;
}

export interface SubmitOptions {
  readonly parameters?: JsonObject;
  readonly cache?: boolean;
  readonly cacheMaxAgeMs?: number;
  readonly keepGoing?: boolean;
  readonly id?: string;
  readonly pipelineRoot?: string;
}

/** The engine over memory records, the real API server and a simulated node; a clock that is moved by hand. */
export interface Bench extends AsyncDisposable {
  readonly records: Records;
  readonly api: TestApi;
  readonly clock: TestClock;
  readonly shelf: Shelf;
  readonly node: SimulatedNode;
  readonly engine: Engine;
  readonly errors: unknown[];
  submit(text: string, options?: SubmitOptions): Promise<RunKey>;
  /** Waits until the run is over. */
  ended(run: RunKey): Promise<Ended>;
  look(run: RunKey): Promise<Ended>;
  run(text: string, options?: SubmitOptions): Promise<Ended>;
  /** Stops the engine as kill -9 would, and starts another over the same rows and pods. */
  restart(): Promise<void>;
  kill(): void;
}

export interface BenchOptions extends Partial<EngineOptions> {
  /** Stands between the engine and the API server, to make it fail. */
  readonly wrapClient?: (client: Client) => Client;
  /** The same for the records. */
  readonly wrapRecords?: (records: Records) => Records;
}

export async function createBench(
  program: Program,
  { wrapClient = (client) => client, wrapRecords = (records) => records, ...options }: BenchOptions = {},
): Promise<Bench> {
  const admission: Admission[] = [];
  const api = testApi(builtIns, { admission });
  const { clock } = api;
  const ids = testIds();
  const records = await openRecords({ path: ":memory:", clock, ids });
  await records.migrate(pipelineMigrations);
  await api.client
    .resource(Namespace)
    .create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "kubeflow" }, spec: {} });
  const shelf = createShelf();
  const errors: unknown[] = [];
  let life = new AbortController();
  const nodeLife = new AbortController();
  const make = (): Engine =>
    createEngine({
      records: wrapRecords(records),
      client: wrapClient(api.client),
      artifacts: shelf,
      clock,
      ids,
      onError: (error) => errors.push(error),
      ...options,
    });
  let engine = make();
  admission.push({ name: "Release", mutate: (call) => engine.release?.mutate?.(call) ?? call.object });
  const node = new SimulatedNode({
    client: api.client,
    clock,
    engine: () => engine,
    program,
    wrote: (uri) => shelf.uris.add(uri),
  });
  await engine.start(life.signal);
  await node.start(nodeLife.signal);
  const { db } = records.all<PipelineTables>();

  const look = async ({ ns, id }: RunKey): Promise<Ended> => {
    const run = await findRun(db, id);
    const tasks = await tasksOf(db, ns, id);
    if (!run) throw new RangeError(`No run ${id}`);
    const read = (key: string, side: "inputs" | "outputs") => {
      const task = tasks.find((each) => each.key === key);
      return JSON.parse(task?.[side] ?? "{}").parameters ?? {};
    };
    return {
      run,
      tasks,
      states: Object.fromEntries(tasks.map((task) => [task.key, task.state])),
      outputs: (key) => read(key, "outputs"),
      inputs: (key) => read(key, "inputs"),
    };
  };

  const bench: Bench = {
    records,
    api,
    clock,
    shelf,
    node,
    errors,
    get engine() {
      return engine;
    },
    look,
    async submit(text, { parameters = {}, cache = true, id = ids.uuid(), pipelineRoot = "", ...asked } = {}) {
      const pipeline = parsePipelineDocuments(text);
      const now = clock.now();
      await records.in<PipelineTables>("kubeflow").transaction(async (tx) => {
        const content = JSON.stringify(documentValue(pipeline.document));
        const spec = await keepDocument(tx.db, { ns: "kubeflow", content, now });
        await insertRun(tx.db, {
          run: id,
          ns: "kubeflow",
          experiment: "default",
          display_name: `${pipeline.name} run`,
          description: "",
          storage_state: "AVAILABLE",
          pipeline: null,
          pipeline_version: null,
          pipeline_name: pipeline.name,
          resource_name: `${pipeline.name}-${ids.suffix(5)}`,
          spec,
          parameters: JSON.stringify(parameters),
          pipeline_root: pipelineRoot,
          service_account: "pipeline-runner",
          cache: cache ? 1 : 0,
          cache_max_age: asked.cacheMaxAgeMs ?? null,
          keep_going: asked.keepGoing ? 1 : 0,
          created_at: now,
          scheduled_at: now,
        });
      });
      engine.submitted({ ns: "kubeflow", id });
      return { ns: "kubeflow", id };
    },
    async ended(run) {
      const isOver = async () => {
        const row = await findRun(db, run.id);
        return row !== undefined && finalRunStates.includes(row.state);
      };
      await eventually(`run ${run.id} is over`, isOver);
      return look(run);
    },
    async run(text, submitOptions) {
      return bench.ended(await bench.submit(text, submitOptions));
    },
    kill() {
      life.abort();
    },
    async restart() {
      life.abort();
      life = new AbortController();
      engine = make();
      await engine.start(life.signal);
    },
    async [Symbol.asyncDispose]() {
      life.abort();
      nodeLife.abort();
      await records.close();
      await api[Symbol.asyncDispose]();
    },
  };
  return bench;
}

/** Moves time on by seconds, one at a time, until `until` holds. */
export async function passTime(bench: Bench, seconds: number, until: () => boolean): Promise<void> {
  for (let second = 0; second < seconds && !until(); second++) {
    await bench.clock.advance(1000);
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}
