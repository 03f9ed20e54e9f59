import { type Authorizer, isApiError, systemIds, type User } from "@headrace/model";
import { testClock, type TestClock } from "@headrace/model/testing";
import { openRecords, type Records } from "@headrace/records";
import { RpcError } from "@headrace/rpc";
import { createMetadata } from "../index.ts";
import type { MetadataTables } from "../records/tables.ts";
import type { PipelineFacts } from "../records/view.ts";

type Plain = Readonly<Record<string, unknown>>;

/** The store over records in memory, called as its methods are. */
export interface TestStore extends AsyncDisposable {
  readonly records: Records;
  readonly clock: TestClock;
  readonly methods: readonly string[];
  /** Calls a method; rejects as it does. */
  call(method: string, request?: object, user?: User): Promise<Plain>;
  /** The code and message with which a call fails. */
  failure(method: string, request?: object, user?: User): Promise<readonly [code: string, message: string]>;
  /** Writes a run of one step that takes an artifact and makes one, as the engine does. Answers the rows' numbers. */
  run(run: string, options?: { readonly ns?: string; readonly pipeline?: string }): Promise<RunIds>;
}

export interface RunIds {
  readonly root: number;
  readonly step: number;
  readonly input: number;
  readonly output: number;
  readonly context: number;
  readonly pipeline: number;
}

export const ana: User = { name: "ana", groups: ["system:authenticated"] };

const open: Authorizer = { authorize: async () => ({ allowed: true, reason: "" }) };

export async function openStore(authorizer: Authorizer = open): Promise<TestStore> {
  const clock = testClock();
  const records = await openRecords({ path: ":memory:", clock, ids: systemIds });
  const runs = new Map<string, { readonly ns: string; readonly pipelineName: string }>();
  const { services, migrations = [] } = createMetadata({
    records,
    pipelines: factsOf(runs),
    authorizer,
    clock,
    namespace: "kubeflow",
  });
  await records.migrate(migrations);
  const [service] = services;
  const { db } = records.all<MetadataTables>();

  const call = async (method: string, request: object = {}, user = ana): Promise<Plain> => {
    const found = service?.methods[method];
    if (found?.kind !== "unary") throw new TypeError(`No method ${method}`);
    const signal = new AbortController().signal;
    return (await found.handle(request, { user, headers: {}, signal })) as Plain;
  };

  const contextOf = async (ns: string, kind: string, ref: string): Promise<number> => {
    const known = await db
      .selectFrom("context")
      .select("id")
      .where("ns", "=", ns)
      .where("kind", "=", kind)
      .where("ref", "=", ref)
      .executeTakeFirst();
    return (
      known?.id ??
      (await db.insertInto("context").values({ ns, kind, ref }).returning("id").executeTakeFirstOrThrow()).id
    );
  };

  return {
    records,
    clock,
    methods: Object.keys(service?.methods ?? {}),
    call,
    async failure(method, request, user) {
      try {
        await call(method, request, user);
      } catch (error) {
        if (error instanceof RpcError) return [error.code, error.message];
        if (isApiError(error)) return [error.reason, error.message];
        throw error;
      }
      throw new RangeError(`${method} should have failed`);
    },
    async run(run, { ns = "kubeflow", pipeline: pipelineName = "train" } = {}) {
      runs.set(run, { ns, pipelineName });
      const now = clock.now();
      const none = {
        items: null,
        fingerprint: null,
        cached_from: null,
        error: null,
        retry_at: null,
        deadline_at: null,
      };
      const times = { created_at: now, started_at: now, finished_at: now + 1000 };
      await db
        .insertInto("run")
        .values({ id: run, ns, state: "SUCCEEDED", error: null, ...times })
        .execute();
      const pipeline = await contextOf(ns, "system.Pipeline", pipelineName);
      const context = await contextOf(ns, "system.PipelineRun", run);
      const task = async (row: object): Promise<number> =>
        (
          await db
            .insertInto("task")
            .values({
              uid: systemIds.uuid(),
              ns,
              run,
              parent: null,
              iteration: null,
              state: "SUCCEEDED",
              inputs: JSON.stringify({ parameters: { n: 4 } }),
              outputs: null,
              ...none,
              ...times,
              key: "root",
              name: "root",
              display_name: "root",
              type: "ROOT",
              ...row,
            })
            .returning("id")
            .executeTakeFirstOrThrow()
        ).id;
      const root = await task({});
      const step = await task({ parent: root, key: "root/fit", name: "fit", display_name: "Fit it", type: "RUNTIME" });
      await db
        .insertInto("attempt")
        .values({
          task: step,
          n: 0,
          ns,
          run,
          pod: "train-fit-0",
          state: "SUCCEEDED",
          exit_code: 0,
          reason: null,
          message: null,
          log: null,
          ...times,
        })
        .execute();
      const artifact = async (type: string, direction: "INPUT" | "OUTPUT", name: string, metadata: object) => {
        const uri = `minio://mlpipeline/${run}/${name}`;
        const row = {
          uid: systemIds.uuid(),
          ns,
          type,
          type_schema: "0.0.1",
          name,
          uri,
          metadata: JSON.stringify(metadata),
        };
        const { id } = await db
          .insertInto("artifact")
          .values({ ...row, digest: null, size: null, state: "LIVE", created_at: now })
          .returning("id")
          .executeTakeFirstOrThrow();
        await db
          .insertInto("task_artifact")
          .values({ task: step, artifact: id, ns, direction, name, index: 0 })
          .execute();
        return id;
      };
      const input = await artifact("system.Dataset", "INPUT", "data", {
        rows: 3,
        ok: true,
        tags: ["a"],
        deep: { x: null },
      });
      const output = await artifact("acme.Model", "OUTPUT", "model", { display_name: "best", framework: "x" });
      return { root, step, input, output, context, pipeline };
    },
    async [Symbol.asyncDispose]() {
      await records.close();
    },
  };
}

function factsOf(runs: ReadonlyMap<string, { readonly ns: string; readonly pipelineName: string }>): PipelineFacts {
  const facts = (run: string, pipelineName: string) => ({
    pipelineName,
    resourceName: `${pipelineName}-abcde`,
    pipelineRoot: `minio://mlpipeline/${pipelineName}/${run}`,
  });
  return {
    async runs(ids) {
      return new Map(
        ids.flatMap((id) => {
          const run = runs.get(id);
          return run ? [[id, facts(id, run.pipelineName)] as const] : [];
        }),
      );
    },
    async runsOf(pipelines) {
      return [...runs]
        .filter(([, { ns, pipelineName }]) => pipelines.some((each) => each.ns === ns && each.name === pipelineName))
        .map(([run, each]) => ({ run, ...each }));
    },
    async steps() {
      return (_, key) =>
        key === "root"
          ? {
              group: {
                taskCount: 1,
                parameterProducers: { Output: { valueFromParameter: {} } },
                artifactProducers: {},
              },
            }
          : { image: "python:3.11" };
    },
  };
}
