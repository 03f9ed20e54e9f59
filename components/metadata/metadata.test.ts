import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Artifact, Context, Event, Execution, LineageGraph } from "./core/messages.ts";
import { firstOwnId } from "./core/ownership.ts";
import { ana, openStore, type TestStore } from "./testing/store.ts";

const run = "11111111-1111-4111-8111-111111111111";
const other = "22222222-2222-4222-8222-222222222222";

type Answer = Readonly<{
  artifacts: readonly Artifact[];
  executions: readonly Execution[];
  contexts: readonly Context[];
  events: readonly Event[];
  next_page_token: string;
  lineage_subgraph: LineageGraph;
  artifact_ids: readonly number[];
  execution_ids: readonly number[];
  context_ids: readonly number[];
  execution_id: number;
  type_id: number;
}>;

async function ask(store: TestStore, method: string, request: object = {}): Promise<Answer> {
  return (await store.call(method, request)) as Answer;
}

const idsOf = (nodes: readonly { readonly id?: number | undefined }[]) => nodes.map(({ id }) => id);

describe("a run in ML Metadata's words", () => {
  test("is a context below that of its pipeline, with what KFP writes on it", async () => {
    await using store = await openStore();
    const { context, pipeline } = await store.run(run);
    const { contexts } = await ask(store, "GetContextsByType", { type_name: "system.PipelineRun" });
    assert.deepEqual(contexts[0], {
      id: context,
      name: run,
      type: "system.PipelineRun",
      type_id: 11,
      properties: {},
      custom_properties: {
        namespace: { string_value: "kubeflow" },
        resource_name: { string_value: "train-abcde" },
        pipeline_root: { string_value: `minio://mlpipeline/train/${run}` },
      },
      create_time_since_epoch: store.clock.now(),
      last_update_time_since_epoch: store.clock.now(),
    });
    const parents = await ask(store, "GetParentContextsByContext", { context_id: context });
    assert.deepEqual(idsOf(parents.contexts), [pipeline]);
    await store.run(other);
    const children = await ask(store, "GetChildrenContextsByContext", { context_id: pipeline });
    assert.deepEqual(
      children.contexts.map(({ name }) => name),
      [run, other],
    );
  });

  test("has its tasks for executions, with KFP's custom properties", async () => {
    await using store = await openStore();
    const { root, step, context } = await store.run(run);
    const { executions } = await ask(store, "GetExecutionsByContext", { context_id: context });
    const [group, fit] = executions;
    assert.equal(group?.name, `run/${run}`);
    assert.equal(group?.type, "system.DAGExecution");
    assert.deepEqual(group?.custom_properties, {
      display_name: { string_value: "" },
      task_name: { string_value: "" },
      inputs: { struct_value: { n: 4 } },
      parameter_producer_task: { struct_value: { Output: '{"valueFromParameter":{}}' } },
    });
    assert.deepEqual([fit?.id, fit?.type, fit?.last_known_state], [step, "system.ContainerExecution", "COMPLETE"]);
    assert.deepEqual(fit?.custom_properties, {
      display_name: { string_value: "Fit it" },
      task_name: { string_value: "fit" },
      parent_dag_id: { int_value: root },
      inputs: { struct_value: { n: 4 } },
      pod_name: { string_value: "train-fit-0" },
      pod_uid: { string_value: "" },
      namespace: { string_value: "kubeflow" },
      image: { string_value: "python:3.11" },
    });
    const named = await ask(store, "GetExecutionByTypeAndName", {
      type_name: "system.DAGExecution",
      execution_name: `run/${run}`,
    });
    assert.deepEqual(named, { execution: group });
  });

  test("has artifacts whose metadata went through ML Metadata, and events named after inputs and outputs", async () => {
    await using store = await openStore();
    const { step, input, output, context, pipeline } = await store.run(run);
    const { artifacts } = await ask(store, "GetArtifactsByContext", { context_id: pipeline });
    assert.deepEqual(
      artifacts.map(({ id, type, custom_properties }) => [id, type, custom_properties]),
      [
        [
          input,
          "system.Dataset",
          {
            rows: { double_value: 3 },
            ok: { int_value: 1 },
            tags: { struct_value: { list: ["a"] } },
            deep: { struct_value: { struct: { x: null } } },
            display_name: { string_value: "data" },
          },
        ],
        [output, "acme.Model", { display_name: { string_value: "best" }, framework: { string_value: "x" } }],
      ],
    );
    const { events } = await ask(store, "GetEventsByExecutionIDs", { execution_ids: [step] });
    assert.deepEqual(
      events.map(({ artifact_id, type, path }) => [artifact_id, type, path]),
      [
        [input, "INPUT", { steps: [{ key: "data" }] }],
        [output, "OUTPUT", { steps: [{ key: "model" }] }],
      ],
    );
    const around = await ask(store, "GetContextsByArtifact", { artifact_id: output });
    assert.deepEqual(idsOf(around.contexts), [pipeline, context]);
    const types = (await store.call("GetArtifactTypes")) as { artifact_types: readonly { name: string; id: number }[] };
    const own = types.artifact_types.find(({ name }) => name === "acme.Model");
    assert.equal(own?.id, artifacts[1]?.type_id);
  });

  test("is found by KFP's filter, and by any other", async () => {
    await using store = await openStore();
    const { root, step, context, input } = await store.run(run);
    await store.run(other);
    const inGroup = await ask(store, "GetExecutionsByContext", {
      context_id: context,
      options: { filter_query: `custom_properties.parent_dag_id.int_value = ${root}`, next_page_token: "" },
    });
    assert.deepEqual(idsOf(inGroup.executions), [step]);
    const query = async (method: string, filter_query: string) => ask(store, method, { options: { filter_query } });
    const joined = await query(
      "GetArtifacts",
      `contexts_a.name = '${run}' AND contexts_b.type = 'system.Pipeline' AND events_0.type = INPUT`,
    );
    assert.deepEqual(idsOf(joined.artifacts), [input]);
    const canceled = await query("GetExecutions", "last_known_state NOT IN (COMPLETE)");
    assert.deepEqual(canceled.executions, []);
    const contexts = await query("GetContexts", "executions_a.custom_properties = 1").catch(
      (error: Error) => error.message,
    );
    assert.match(String(contexts), /Field name custom_properties does not exist/);
  });

  test("is listed page by page in any order", async () => {
    await using store = await openStore();
    for (const each of [run, other]) {
      await store.run(each);
      await store.clock.advance(10);
    }
    const seen: (number | undefined)[] = [];
    let next_page_token = "";
    do {
      const page = await ask(store, "GetExecutions", {
        options: { max_result_size: 1, order_by_field: { field: "CREATE_TIME", is_asc: false }, next_page_token },
      });
      seen.push(...idsOf(page.executions));
      next_page_token = page.next_page_token ?? "";
      assert.equal(page.executions.length, 1);
    } while (next_page_token !== "");
    assert.deepEqual(seen, [4, 3, 2, 1]);
    const options = { max_result_size: 1, next_page_token: Buffer.from("[1]").toString("base64url") };
    assert.deepEqual((await store.failure("GetExecutions", { options }))[0], "INVALID_ARGUMENT");
    assert.match((await store.failure("GetExecutions", { options: { max_result_size: 0 } }))[1], /greater than 0/);
  });

  test("is walked through from its artifacts, as far as asked", async () => {
    await using store = await openStore();
    const { step, input, output, context, pipeline } = await store.run(run);
    const walked = async (options: object, read_mask?: object) =>
      (await ask(store, "GetLineageSubgraph", { lineage_subgraph_query_options: options, read_mask })).lineage_subgraph;
    const start = { starting_artifacts: { filter_query: `id = ${output}` } };
    const graph = await walked({ ...start, direction: "UPSTREAM", max_num_hops: 2 });
    assert.deepEqual(
      [graph.artifacts, graph.executions, graph.contexts, graph.events?.length],
      [[{ id: output }, { id: input }], [{ id: step }], [{ id: pipeline }, { id: context }], 2],
    );
    const near = await walked({ ...start, max_num_hops: 1 }, { paths: ["artifacts", "executions"] });
    assert.deepEqual(near, { artifacts: [{ id: output }], executions: [{ id: step }] });
    const ended = await walked(
      { ...start, ending_executions: { filter_query: `id = ${step}` } },
      { paths: ["executions", "events"] },
    );
    assert.deepEqual(ended, { executions: [], events: [] });
    const nobody = { lineage_subgraph_query_options: { starting_executions: { filter_query: "id = 99" } } };
    assert.equal((await store.failure("GetLineageSubgraph", nobody))[0], "NOT_FOUND");
  });

  test("cannot be changed, but pointed at", async () => {
    await using store = await openStore();
    const { step, input, context, output } = await store.run(run);
    const { type_id } = await ask(store, "PutExecutionType", { execution_type: { name: "Audit" } });
    const refused = async (method: string, request: object): Promise<string> => {
      const [code, message] = await store.failure(method, request);
      assert.equal(code, "FAILED_PRECONDITION");
      return message;
    };
    assert.match(
      await refused("PutArtifacts", { artifacts: [{ id: input, uri: "x" }] }),
      /Cannot change "uri" of artifact/,
    );
    assert.match(
      await refused("PutExecutions", { executions: [{ id: step, last_known_state: "FAILED" }] }),
      /only its engine/,
    );
    assert.match(await refused("PutExecutions", { executions: [{ type_id: 13 }] }), /Use a type of your own/);
    assert.match(await refused("PutContexts", { contexts: [{ type_id: 11, name: "x" }] }), /Use a type of your own/);
    assert.match(
      await refused("PutEvents", { events: [{ artifact_id: output, execution_id: step, type: "INPUT" }] }),
      /add an event to execution/,
    );
    const edge = { attributions: [{ artifact_id: input, context_id: context }] };
    assert.match(await refused("PutAttributionsAndAssociations", edge), /into context/);
    const [seen] = (await ask(store, "GetArtifactsByID", { artifact_ids: [output] })).artifacts;
    const put = await ask(store, "PutExecution", {
      execution: { type_id, last_known_state: "COMPLETE" },
      artifact_event_pairs: [{ artifact: seen, event: { type: "INPUT" } }],
    });
    assert.deepEqual(put.artifact_ids, [output]);
    const { events } = await ask(store, "GetEventsByArtifactIDs", { artifact_ids: [output] });
    assert.deepEqual(
      events.map(({ execution_id }) => execution_id),
      [step, put.execution_id],
    );
  });
});

describe("what users put", () => {
  test("has ids that no row of the lineage ever has, and stands beside it", async () => {
    await using store = await openStore();
    await store.run(run);
    const { type_id } = await ask(store, "PutArtifactType", { artifact_type: { name: "D", properties: { n: "INT" } } });
    const put = await ask(store, "PutArtifacts", {
      artifacts: [{ type_id, uri: "s3://x", name: "a", properties: { n: { int_value: 1 } }, state: "LIVE" }],
    });
    assert.ok(put.artifact_ids.every((id) => id >= firstOwnId));
    const { artifacts } = await ask(store, "GetArtifacts");
    assert.equal(artifacts.length, 3);
    assert.deepEqual(artifacts[2], {
      id: put.artifact_ids[0],
      type_id,
      type: "D",
      name: "a",
      uri: "s3://x",
      state: "LIVE",
      external_id: undefined,
      system_metadata: undefined,
      properties: { n: { int_value: 1 } },
      custom_properties: {},
      create_time_since_epoch: store.clock.now(),
      last_update_time_since_epoch: store.clock.now(),
    });
    const found = await ask(store, "GetArtifactsByURI", { uris: ["s3://x", `minio://mlpipeline/${run}/data`] });
    assert.equal(found.artifacts.length, 2);
  });

  test("is all or nothing within one request", async () => {
    await using store = await openStore();
    const { type_id } = await ask(store, "PutContextType", { context_type: { name: "C" } });
    const twice = {
      contexts: [
        { type_id, name: "c" },
        { type_id, name: "c" },
      ],
    };
    assert.equal((await store.failure("PutContexts", twice))[0], "ALREADY_EXISTS");
    assert.deepEqual((await ask(store, "GetContextsByType", { type_name: "C" })).contexts, []);
  });

  test("is checked against its type, which may grow and nothing else", async () => {
    await using store = await openStore();
    const put = (properties: object, options: object = {}) => ({
      artifact_type: { name: "D", properties },
      ...options,
    });
    const { type_id } = await ask(store, "PutArtifactType", put({ n: "INT" }));
    const again = await ask(
      store,
      "PutArtifactType",
      put({ m: "STRING" }, { can_add_fields: true, can_omit_fields: true }),
    );
    assert.equal(again.type_id, type_id);
    for (const request of [
      put({ n: "STRING", m: "STRING" }),
      put({ n: "INT" }),
      put({ n: "INT", m: "STRING", o: "INT" }),
    ]) {
      assert.equal((await store.failure("PutArtifactType", request))[0], "ALREADY_EXISTS");
    }
    const artifacts = (properties: object) => ({ artifacts: [{ type_id, properties }] });
    assert.match((await store.failure("PutArtifacts", artifacts({ x: { int_value: 1 } })))[1], /unknown property: x/);
    assert.match(
      (await store.failure("PutArtifacts", artifacts({ n: { string_value: "1" } })))[1],
      /unmatched property type: n/,
    );
    const builtIn = { artifact_type: { name: "system.Model", properties: { x: "INT" } }, can_add_fields: true };
    assert.equal((await store.failure("PutArtifactType", builtIn))[0], "FAILED_PRECONDITION");
    assert.equal((await ask(store, "PutArtifactType", { artifact_type: { name: "system.Model" } })).type_id, 16);
  });

  test("is updated whole, or by a mask, or not at all if it has changed meanwhile", async () => {
    await using store = await openStore();
    const { type_id } = await ask(store, "PutArtifactType", { artifact_type: { name: "D" } });
    const first = { type_id, uri: "a", custom_properties: { x: { int_value: 1 }, y: { int_value: 2 } } };
    const { artifact_ids } = await ask(store, "PutArtifacts", { artifacts: [first] });
    const [id = 0] = artifact_ids;
    const look = async () => (await ask(store, "GetArtifactsByID", { artifact_ids })).artifacts[0];
    await store.clock.advance(5);
    await ask(store, "PutArtifacts", {
      artifacts: [{ id, uri: "b", state: "LIVE", custom_properties: { x: { int_value: 9 } } }],
      update_mask: { paths: ["custom_properties.x", "custom_properties.y", "state"] },
    });
    const seen = await look();
    assert.deepEqual([seen?.uri, seen?.state, seen?.custom_properties], ["a", "LIVE", { x: { int_value: 9 } }]);
    assert.equal(seen?.last_update_time_since_epoch, store.clock.now());
    const stale = {
      artifacts: [{ id, uri: "c", last_update_time_since_epoch: 1 }],
      options: { abort_if_latest_updated_time_changed: true },
    };
    assert.equal((await store.failure("PutArtifacts", stale))[0], "FAILED_PRECONDITION");
    await ask(store, "PutArtifacts", { artifacts: [{ id, uri: "d" }] });
    const last = await look();
    assert.deepEqual([last?.uri, last?.state, last?.custom_properties], ["d", undefined, {}]);
  });

  test("keeps its name, unless it is a context", async () => {
    await using store = await openStore();
    const { type_id } = await ask(store, "PutContextType", { context_type: { name: "C" } });
    const put = (contexts: readonly object[]) => ask(store, "PutContexts", { contexts });
    const { context_ids } = await put([
      { type_id, name: "a" },
      { type_id, name: "b" },
    ]);
    const [a = 0] = context_ids;
    await put([{ id: a, name: "c" }]);
    const named = await ask(store, "GetContextsByID", { context_ids: [a] });
    assert.equal(named.contexts[0]?.name, "c");
    assert.equal((await store.failure("PutContexts", { contexts: [{ id: a, name: "b" }] }))[0], "ALREADY_EXISTS");
    assert.match((await store.failure("PutContexts", { contexts: [{ id: a }] }))[1], /should not be empty/);
    const { type_id: kind } = await ask(store, "PutArtifactType", { artifact_type: { name: "D" } });
    const { artifact_ids } = await ask(store, "PutArtifacts", { artifacts: [{ type_id: kind, name: "x" }] });
    await ask(store, "PutArtifacts", { artifacts: [{ id: artifact_ids[0], name: "y", uri: "u" }] });
    const kept = await ask(store, "GetArtifactsByID", { artifact_ids });
    assert.deepEqual([kept.artifacts[0]?.name, kept.artifacts[0]?.uri], ["x", "u"]);
  });

  test("hangs together by contexts of users' own, without cycles", async () => {
    await using store = await openStore();
    const { step, input } = await store.run(run);
    const { type_id } = await ask(store, "PutContextType", { context_type: { name: "Study" } });
    const { context_ids } = await ask(store, "PutContexts", {
      contexts: ["a", "b"].map((name) => ({ type_id, name })),
    });
    const [a = 0, b = 0] = context_ids;
    await ask(store, "PutParentContexts", { parent_contexts: [{ child_id: a, parent_id: b }] });
    const cycle = await store.failure("PutParentContexts", { parent_contexts: [{ child_id: b, parent_id: a }] });
    assert.match(cycle[1], /cycle/);
    await ask(store, "PutAttributionsAndAssociations", {
      attributions: [{ artifact_id: input, context_id: a }],
      associations: [{ execution_id: step, context_id: a }],
    });
    assert.deepEqual(idsOf((await ask(store, "GetExecutionsByContext", { context_id: a })).executions), [step]);
    const filter = {
      options: { filter_query: "parent_contexts_p.name = 'b' AND artifacts_x.type = 'system.Dataset'" },
    };
    assert.deepEqual(idsOf((await ask(store, "GetContexts", filter)).contexts), [a]);
    const plural = await store.call("GetChildrenContextsByContexts", { context_ids: [b] });
    assert.deepEqual(Object.keys(plural["contexts"] as object), [String(b)]);
  });

  test("comes as a whole subgraph, with edges by place", async () => {
    await using store = await openStore();
    const { type_id: artifactType } = await ask(store, "PutArtifactType", { artifact_type: { name: "D" } });
    const { type_id: executionType } = await ask(store, "PutExecutionType", { execution_type: { name: "E" } });
    const { type_id: contextType } = await ask(store, "PutContextType", { context_type: { name: "C" } });
    const request = {
      executions: [{ type_id: executionType }],
      artifacts: [{ type_id: artifactType, external_id: "x" }],
      contexts: [{ type_id: contextType, name: "c" }],
      event_edges: [{ execution_index: 0, artifact_index: 0, event: { type: "OUTPUT" } }],
    };
    const first = await ask(store, "PutLineageSubgraph", request);
    assert.equal((await store.failure("PutLineageSubgraph", request))[0], "ALREADY_EXISTS");
    const options = { reuse_context_if_already_exist: true, reuse_artifact_if_already_exist_by_external_id: true };
    const second = await ask(store, "PutLineageSubgraph", { ...request, options });
    assert.deepEqual([second.artifact_ids, second.context_ids], [first.artifact_ids, first.context_ids]);
    const inside = await ask(store, "GetExecutionsByContext", { context_id: first.context_ids[0] });
    assert.deepEqual(idsOf(inside.executions), [...first.execution_ids, ...second.execution_ids]);
    const outside = { ...request, event_edges: [{ execution_index: 0, artifact_index: 5, event: { type: "OUTPUT" } }] };
    assert.equal((await store.failure("PutLineageSubgraph", { ...outside, options }))[0], "OUT_OF_RANGE");
  });
});

test("the page on compatibility names every method that is served, and no other", async () => {
  await using store = await openStore();
  const page = readFileSync(join(import.meta.dirname, "../../docs/compatibility.md"), "utf8");
  const [, section = ""] = page.split("## ML Metadata\n");
  const [table = ""] = section.split("\n## ");
  const named = [...table.matchAll(/`((?:Get|Put)\w+)`/g)].map(([, name]) => name);
  assert.deepEqual(named.toSorted(), store.methods.toSorted());
  assert.equal(named.length, 52);
});

describe("who may see and write", () => {
  const bob = { name: "bob", groups: ["system:authenticated"] };
  const team = {
    name: "system:serviceaccount:team:default",
    groups: ["system:serviceaccounts", "system:authenticated"],
  };
  /** Everybody may read their own namespace; only ana may write, and only hers. */
  const authorizer = {
    authorize: async ({ user, verb, namespace }: { user: { name: string }; verb: string; namespace: string }) => ({
      allowed:
        (user.name === "ana" && namespace === "kubeflow") ||
        (user.name === team.name && namespace === "team" && verb === "list"),
      reason: "no role grants it",
    }),
  };

  test("rows of other namespaces are not there", async () => {
    await using store = await openStore(authorizer);
    const mine = await store.run(run);
    const theirs = await store.run(other, { ns: "team" });
    assert.deepEqual(idsOf((await ask(store, "GetExecutions")).executions), [mine.root, mine.step]);
    const all = (await store.call("GetExecutions", {}, team)) as Answer;
    assert.deepEqual(idsOf(all.executions), [theirs.root, theirs.step]);
    for (const [method, request] of [
      ["GetArtifactsByID", { artifact_ids: [theirs.input] }],
      ["GetEventsByArtifactIDs", { artifact_ids: [theirs.input] }],
      ["GetExecutionsByContext", { context_id: theirs.context }],
      ["GetArtifactsByURI", { uris: [`minio://mlpipeline/${other}/data`] }],
      ["GetParentContextsByContext", { context_id: theirs.context }],
      ["GetChildrenContextsByContext", { context_id: theirs.pipeline }],
      ["GetContexts", { options: { filter_query: `name = '${other}'` } }],
    ] as const) {
      const answer = await store.call(method, request);
      assert.deepEqual(
        Object.values(answer).filter((each) => Array.isArray(each) && each.length > 0),
        [],
        method,
      );
    }
    const types = (await store.call("GetArtifactTypes", {}, team)) as { artifact_types: readonly { name: string }[] };
    assert.ok(types.artifact_types.some(({ name }) => name === "acme.Model"));
  });

  test("those who may see nothing are told so, and those who may not write", async () => {
    await using store = await openStore(authorizer);
    assert.equal((await store.failure("GetArtifacts", {}, bob))[0], "Forbidden");
    const nobody = { name: "system:anonymous", groups: ["system:unauthenticated"] };
    assert.equal((await store.failure("GetArtifacts", {}, nobody))[0], "Unauthorized");
    assert.equal((await store.failure("PutArtifactType", { artifact_type: { name: "D" } }, team))[0], "Forbidden");
  });

  test("types and nodes of one namespace cannot be used from another", async () => {
    await using store = await openStore({
      authorize: async ({ user, namespace }) => ({
        allowed: namespace === (user.name === "ana" ? "kubeflow" : "team"),
        reason: "",
      }),
    });
    const { type_id } = await ask(store, "PutArtifactType", { artifact_type: { name: "D" } });
    const put = { artifacts: [{ type_id, uri: "x" }] };
    assert.equal((await store.failure("PutArtifacts", put, team))[0], "NOT_FOUND");
    const { artifact_ids } = await ask(store, "PutArtifacts", put);
    const change = { artifacts: [{ id: artifact_ids[0], uri: "y" }] };
    assert.match((await store.failure("PutArtifacts", change, team))[1], /Cannot find the given id/);
    const theirs = (await store.call("PutArtifactType", { artifact_type: { name: "D" } }, team)) as Answer;
    assert.notEqual(theirs.type_id, type_id);
    assert.equal((await store.call("GetArtifactType", { type_name: "D" }, ana))["artifact_type"] !== undefined, true);
  });
});
