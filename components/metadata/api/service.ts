import { defineMessage, s, type Schema, type TypeOf } from "@headrace/model";
import { RpcError, type RpcService, service, unary } from "@headrace/rpc";
import {
  artifact,
  artifactType,
  association,
  attribution,
  context,
  type Context,
  contextType,
  event,
  type Event,
  execution,
  executionType,
  fieldMask,
  type LineageGraph,
  lineageGraph,
  lineageGraphOptions,
  listOptions,
  parentContext,
  type SubgraphOptions,
  subgraphOptions,
  transactionOptions,
} from "../core/messages.ts";
import { typeMessage } from "../core/nodes.ts";
import { type Direction, type End, walk } from "../core/traversal.ts";
import { type MetadataView, mostRows } from "../records/view.ts";
import type { MetadataWriter } from "../records/writer.ts";
import { checkCount, type MetadataOptions, viewFor, write } from "./caller.ts";
import { checkTypeOptions, kindMethods, typeOptions } from "./kinds.ts";
import { findByQuery, list } from "./listing.ts";

const id = (number: number) => s.at(number, s.integer({ format: "int64" }));
const ids = (number: number) => s.at(number, s.list(s.integer({ format: "int64" })));
const text = (number: number) => s.at(number, s.string());
const flag = (number: number) => s.at(number, s.boolean());
const listOf = <T>(number: number, items: Schema<T>) => s.at(number, s.list(items));
const transaction = (number: number) => s.at(number, transactionOptions);

/** ml_metadata.MetadataStoreService: all 52 methods of it. */
export function metadataService(options: MetadataOptions): RpcService {
  const methods = {
    ...kindMethods(options),
    ...edgeReads(options),
    ...contextReads(options),
    ...lineageReads(options),
    ...edgeWrites(options),
    ...wholeWrites(options),
  };
  return service("ml_metadata.MetadataStoreService", methods, (method) => method.startsWith("Get"));
}

function edgeReads(options: MetadataOptions): RpcService["methods"] {
  const events = defineMessage("ml_metadata.GetEventsByExecutionIDsResponse", { events: listOf(1, event) });
  const eventsOfArtifacts = defineMessage("ml_metadata.GetEventsByArtifactIDsResponse", { events: listOf(1, event) });
  return {
    GetArtifactsByURI: unary(
      defineMessage("ml_metadata.GetArtifactsByURIRequest", {
        uris: listOf(2, s.string()),
        transaction_options: transaction(3),
      }),
      defineMessage("ml_metadata.GetArtifactsByURIResponse", { artifacts: listOf(1, artifact) }),
      async ({ uris = [] }, call) => {
        const view = await viewFor(options, call);
        return { artifacts: await view.all("artifact", { uris }) };
      },
    ),
    GetEventsByExecutionIDs: unary(
      defineMessage("ml_metadata.GetEventsByExecutionIDsRequest", {
        execution_ids: ids(1),
        transaction_options: transaction(2),
      }),
      events,
      async ({ execution_ids = [] }, call) => ({
        events: await (await viewFor(options, call)).events("execution", execution_ids),
      }),
    ),
    GetEventsByArtifactIDs: unary(
      defineMessage("ml_metadata.GetEventsByArtifactIDsRequest", {
        artifact_ids: ids(1),
        transaction_options: transaction(2),
      }),
      eventsOfArtifacts,
      async ({ artifact_ids = [] }, call) => ({
        events: await (await viewFor(options, call)).events("artifact", artifact_ids),
      }),
    ),
    GetArtifactsByContext: unary(
      defineMessage("ml_metadata.GetArtifactsByContextRequest", {
        context_id: id(1),
        options: s.at(2, listOptions),
        transaction_options: transaction(3),
      }),
      defineMessage("ml_metadata.GetArtifactsByContextResponse", {
        artifacts: listOf(1, artifact),
        next_page_token: text(2),
      }),
      async ({ context_id = 0, options: given }, call) => {
        const view = await viewFor(options, call);
        const { nodes, next_page_token } = await list(view, "artifact", { contexts: [context_id] }, given);
        return { artifacts: nodes, next_page_token };
      },
    ),
    GetExecutionsByContext: unary(
      defineMessage("ml_metadata.GetExecutionsByContextRequest", {
        context_id: id(1),
        options: s.at(2, listOptions),
        transaction_options: transaction(3),
      }),
      defineMessage("ml_metadata.GetExecutionsByContextResponse", {
        executions: listOf(1, execution),
        next_page_token: text(2),
        transaction_options: transaction(3),
      }),
      async ({ context_id = 0, options: given }, call) => {
        const view = await viewFor(options, call);
        const { nodes, next_page_token } = await list(view, "execution", { contexts: [context_id] }, given);
        return { executions: nodes, next_page_token };
      },
    ),
  };
}

function contextReads(options: MetadataOptions): RpcService["methods"] {
  const answer = (name: string) => defineMessage(`ml_metadata.${name}Response`, { contexts: listOf(1, context) });
  const ofContext = (name: string, side: "parents" | "children") =>
    unary(
      defineMessage(`ml_metadata.${name}Request`, { context_id: id(1), transaction_options: transaction(2) }),
      answer(name),
      async ({ context_id = 0 }, call) => {
        const view = await viewFor(options, call);
        const relatives = await view.relatives(side, [context_id]);
        return { contexts: await view.all("context", { ids: relatives.get(context_id) ?? [] }) };
      },
    );
  return {
    GetContextsByArtifact: unary(
      defineMessage("ml_metadata.GetContextsByArtifactRequest", {
        artifact_id: id(1),
        transaction_options: transaction(2),
      }),
      answer("GetContextsByArtifact"),
      async ({ artifact_id = 0 }, call) => contextsOf(await viewFor(options, call), "artifact", artifact_id),
    ),
    GetContextsByExecution: unary(
      defineMessage("ml_metadata.GetContextsByExecutionRequest", {
        execution_id: id(1),
        transaction_options: transaction(2),
      }),
      answer("GetContextsByExecution"),
      async ({ execution_id = 0 }, call) => contextsOf(await viewFor(options, call), "execution", execution_id),
    ),
    GetParentContextsByContext: ofContext("GetParentContextsByContext", "parents"),
    GetChildrenContextsByContext: ofContext("GetChildrenContextsByContext", "children"),
    GetParentContextsByContexts: unary(
      defineMessage("ml_metadata.GetParentContextsByContextsRequest", {
        context_ids: ids(1),
        transaction_options: transaction(2),
      }),
      defineMessage("ml_metadata.GetParentContextsByContextsResponse", {
        contexts: s.at(
          2,
          s.map(
            defineMessage("ml_metadata.GetParentContextsByContextsResponse.ParentContextsPerChild", {
              parent_contexts: listOf(1, context),
            }),
            { keys: "int64" },
          ),
        ),
      }),
      async ({ context_ids = [] }, call) => {
        const found = await relativesOf(await viewFor(options, call), "parents", context_ids);
        return { contexts: mapEach(found, (parent_contexts) => ({ parent_contexts })) };
      },
    ),
    GetChildrenContextsByContexts: unary(
      defineMessage("ml_metadata.GetChildrenContextsByContextsRequest", {
        context_ids: ids(1),
        transaction_options: transaction(2),
      }),
      defineMessage("ml_metadata.GetChildrenContextsByContextsResponse", {
        contexts: s.at(
          2,
          s.map(
            defineMessage("ml_metadata.GetChildrenContextsByContextsResponse.ChildrenContextsPerParent", {
              children_contexts: listOf(1, context),
            }),
            { keys: "int64" },
          ),
        ),
      }),
      async ({ context_ids = [] }, call) => {
        const found = await relativesOf(await viewFor(options, call), "children", context_ids);
        return { contexts: mapEach(found, (children_contexts) => ({ children_contexts })) };
      },
    ),
  };
}

/** Upstream says NOT_FOUND of a node in no context, too. */
async function contextsOf(view: MetadataView, kind: End, node: number): Promise<{ contexts: readonly Context[] }> {
  const found = (await view.contextIds(kind, [node])).get(node) ?? [];
  if (found.length === 0) throw new RpcError("NOT_FOUND", `No contexts found for ${kind}_id: ${node}`);
  return { contexts: await view.all("context", { ids: found }) };
}

async function relativesOf(
  view: MetadataView,
  side: "parents" | "children",
  wanted: readonly number[],
): Promise<ReadonlyMap<number, readonly Context[]>> {
  const relatives = await view.relatives(side, wanted);
  const contexts = await view.byIds("context", [...relatives.values()].flat());
  return new Map(
    [...relatives].map(([context_id, others]) => [
      context_id,
      others.map((other) => contexts.get(other)).filter((each) => each !== undefined),
    ]),
  );
}

function mapEach<T, R>(map: ReadonlyMap<number, T>, change: (value: T) => R): Readonly<Record<string, R>> {
  return Object.fromEntries([...map].map(([key, value]) => [String(key), change(value)]));
}

function lineageReads(options: MetadataOptions): RpcService["methods"] {
  return {
    GetLineageSubgraph: unary(
      defineMessage("ml_metadata.GetLineageSubgraphRequest", {
        lineage_subgraph_query_options: s.at(1, subgraphOptions),
        transaction_options: transaction(2),
        read_mask: s.at(3, fieldMask),
      }),
      defineMessage("ml_metadata.GetLineageSubgraphResponse", { lineage_subgraph: s.at(1, lineageGraph) }),
      async ({ lineage_subgraph_query_options = {}, read_mask }, call) => {
        const view = await viewFor(options, call);
        const mask = read_mask?.paths ?? [];
        const graph = await subgraph(
          view,
          lineage_subgraph_query_options,
          (field) => mask.length === 0 || mask.includes(field),
        );
        return { lineage_subgraph: graph };
      },
    ),
    GetLineageGraph: unary(
      defineMessage("ml_metadata.GetLineageGraphRequest", {
        options: s.at(1, lineageGraphOptions),
        transaction_options: transaction(2),
      }),
      defineMessage("ml_metadata.GetLineageGraphResponse", { subgraph: s.at(1, lineageGraph) }),
      async ({ options: given = {} }, call) => {
        const view = await viewFor(options, call);
        if (!given.artifacts_options) throw invalid("Missing query_nodes conditions");
        const { nodes } = await list(view, "artifact", {}, given.artifacts_options);
        if (nodes.length === 0)
          throw new RpcError("NOT_FOUND", "The query_nodes condition does not match any nodes to do traversal.");
        const { max_num_hops = 20, boundary_artifacts = "", boundary_executions = "" } = given.stop_conditions ?? {};
        if (max_num_hops < 0) throw invalid(`max_num_hops cannot be negative: max_num_hops = ${max_num_hops}`);
        const walked = await walk({
          from: "artifact",
          start: nodes.map((node) => node.id ?? 0),
          hops: max_num_hops,
          direction: "BIDIRECTIONAL",
          eventsOf: (end, some) => view.events(end, some),
          endings: (end, some) =>
            endings(view, end, some, end === "artifact" ? boundary_artifacts : boundary_executions, false),
        });
        return { subgraph: await hydrated(view, walked) };
      },
    ),
  };
}

const mostStarts = 100;
const mostHops = 1000;

/** A walk from the nodes that a filter chooses, as ids and the edges between them. */
async function subgraph(
  view: MetadataView,
  { starting_artifacts, starting_executions, max_num_hops = mostHops, direction, ...ends }: SubgraphOptions,
  isWanted: (field: keyof LineageGraph) => boolean,
): Promise<LineageGraph> {
  const from: End = starting_artifacts ? "artifact" : "execution";
  const starting = starting_artifacts ?? starting_executions;
  if (!starting) throw invalid("Missing arguments for listing starting nodes.");
  if (!starting.filter_query) throw invalid("Cannot list starting nodes if `filter_query` is unspecified.");
  if (max_num_hops < 0) throw invalid(`max_num_hops cannot be negative: max_num_hops = ${max_num_hops}`);
  const starts = await findByQuery(view, from, starting.filter_query, mostStarts);
  if (starts.length === 0) throw new RpcError("NOT_FOUND", "Cannot find qualified nodes to start the traversal.");
  const { artifacts, executions, events } = await walk({
    from,
    start: starts.map((node) => node.id ?? 0),
    hops: max_num_hops,
    direction: directions[direction ?? "DIRECTION_UNSPECIFIED"],
    eventsOf: (end, some) => view.events(end, some),
    endings: (end, some) => {
      const given = end === "artifact" ? ends.ending_artifacts : ends.ending_executions;
      return endings(view, end, some, given?.filter_query ?? "", given?.include_ending_nodes === true);
    },
  });
  const attributions = await view.attributions([...artifacts]);
  const associations = await view.associations([...executions]);
  const contexts = new Set([...attributions, ...associations].map(({ context_id }) => context_id));
  const types = await view.types();
  const typesOf = (kind: string) => types.filter((type) => type.kind === kind).map(typeMessage);
  return {
    ...(isWanted("artifacts") && { artifacts: [...artifacts].map((each) => ({ id: each })) }),
    ...(isWanted("executions") && { executions: [...executions].map((each) => ({ id: each })) }),
    ...(isWanted("contexts") && { contexts: [...contexts].map((each) => ({ id: each })) }),
    ...(isWanted("events") && { events }),
    ...(isWanted("attributions") && { attributions }),
    ...(isWanted("associations") && { associations }),
    ...(isWanted("artifact_types") && { artifact_types: typesOf("artifact") }),
    ...(isWanted("execution_types") && { execution_types: typesOf("execution") }),
    ...(isWanted("context_types") && { context_types: typesOf("context") }),
  };
}

const directions: Readonly<Record<NonNullable<SubgraphOptions["direction"]>, Direction>> = {
  DIRECTION_UNSPECIFIED: "BIDIRECTIONAL",
  UPSTREAM: "UPSTREAM",
  DOWNSTREAM: "DOWNSTREAM",
  BIDIRECTIONAL: "BIDIRECTIONAL",
};

async function endings(view: MetadataView, end: End, some: readonly number[], query: string, included: boolean) {
  if (query === "") return { ids: new Set<number>(), included };
  const last = await findByQuery(view, end, query, mostRows, { ids: some });
  return { ids: new Set(last.map((node) => node.id ?? 0)), included };
}

/** A walked graph with all that is known of its nodes. */
async function hydrated(
  view: MetadataView,
  { artifacts, executions, events }: Awaited<ReturnType<typeof walk>>,
): Promise<LineageGraph> {
  const attributions = await view.attributions([...artifacts]);
  const associations = await view.associations([...executions]);
  const contexts = new Set([...attributions, ...associations].map(({ context_id = 0 }) => context_id));
  const types = await view.types();
  return {
    artifacts: await view.all("artifact", { ids: [...artifacts] }),
    executions: await view.all("execution", { ids: [...executions] }),
    contexts: await view.all("context", { ids: [...contexts] }),
    events,
    attributions,
    associations,
    artifact_types: types.filter(({ kind }) => kind === "artifact").map(typeMessage),
    execution_types: types.filter(({ kind }) => kind === "execution").map(typeMessage),
    context_types: types.filter(({ kind }) => kind === "context").map(typeMessage),
  };
}

function edgeWrites(options: MetadataOptions): RpcService["methods"] {
  const nothing = (name: string) => defineMessage(`ml_metadata.${name}Response`, {});
  return {
    PutTypes: unary(
      defineMessage("ml_metadata.PutTypesRequest", {
        artifact_types: listOf(1, artifactType),
        execution_types: listOf(2, executionType),
        context_types: listOf(3, contextType),
        ...typeOptions(4, 7, 5, 6, 8),
      }),
      defineMessage("ml_metadata.PutTypesResponse", {
        artifact_type_ids: ids(1),
        execution_type_ids: ids(2),
        context_type_ids: ids(3),
      }),
      async (request, call) => {
        checkTypeOptions(request);
        const { artifact_types = [], execution_types = [], context_types = [] } = request;
        checkCount(artifact_types, execution_types, context_types);
        return write(options, call, {}, async (writer) => ({
          artifact_type_ids: await inTurn(artifact_types, (type) => writer.putType("artifact", type, request)),
          execution_type_ids: await inTurn(execution_types, (type) => writer.putType("execution", type, request)),
          context_type_ids: await inTurn(context_types, (type) => writer.putType("context", type, request)),
        }));
      },
    ),
    PutEvents: unary(
      defineMessage("ml_metadata.PutEventsRequest", { events: listOf(1, event), transaction_options: transaction(2) }),
      nothing("PutEvents"),
      async ({ events = [] }, call) => {
        checkCount(events);
        const mentioned = {
          artifact: events.map(({ artifact_id }) => artifact_id),
          execution: events.map(({ execution_id }) => execution_id),
        };
        await write(options, call, mentioned, (writer) => inTurn(events, (each) => writer.putEvent(each)));
        return {};
      },
    ),
    PutAttributionsAndAssociations: unary(
      defineMessage("ml_metadata.PutAttributionsAndAssociationsRequest", {
        attributions: listOf(1, attribution),
        associations: listOf(2, association),
        transaction_options: transaction(3),
      }),
      nothing("PutAttributionsAndAssociations"),
      async ({ attributions = [], associations = [] }, call) => {
        checkCount(attributions, associations);
        const mentioned = {
          artifact: attributions.map(({ artifact_id }) => artifact_id),
          execution: associations.map(({ execution_id }) => execution_id),
          context: [...attributions, ...associations].map(({ context_id }) => context_id),
        };
        await write(options, call, mentioned, async (writer) => {
          for (const each of attributions) {
            await writer.putLink("artifact", each.artifact_id, each.context_id, each.system_metadata);
          }
          for (const each of associations) {
            await writer.putLink("execution", each.execution_id, each.context_id, each.system_metadata);
          }
        });
        return {};
      },
    ),
    PutParentContexts: unary(
      defineMessage("ml_metadata.PutParentContextsRequest", {
        parent_contexts: listOf(1, parentContext),
        transaction_options: transaction(2),
      }),
      nothing("PutParentContexts"),
      async ({ parent_contexts = [] }, call) => {
        checkCount(parent_contexts);
        const mentioned = { context: parent_contexts.flatMap(({ child_id, parent_id }) => [child_id, parent_id]) };
        await write(options, call, mentioned, (writer) => inTurn(parent_contexts, (each) => writer.putParent(each)));
        return {};
      },
    ),
  };
}

const artifactAndEvent = defineMessage("ml_metadata.PutExecutionRequest.ArtifactAndEvent", {
  artifact: s.at(1, artifact),
  event: s.at(2, event),
});
const putExecution = defineMessage("ml_metadata.PutExecutionRequest", {
  execution: s.at(1, execution),
  artifact_event_pairs: listOf(2, artifactAndEvent),
  contexts: listOf(3, context),
  options: s.at(
    4,
    defineMessage("ml_metadata.PutExecutionRequest.Options", {
      reuse_context_if_already_exist: flag(1),
      reuse_artifact_if_already_exist_by_external_id: flag(2),
      force_update_time: flag(3),
      force_reuse_context: flag(4),
    }),
  ),
  transaction_options: transaction(5),
});
const putSubgraph = defineMessage("ml_metadata.PutLineageSubgraphRequest", {
  executions: listOf(1, execution),
  artifacts: listOf(2, artifact),
  contexts: listOf(3, context),
  event_edges: listOf(
    4,
    defineMessage("ml_metadata.PutLineageSubgraphRequest.EventEdge", {
      execution_index: s.at(1, s.integer()),
      artifact_index: s.at(2, s.integer()),
      event: s.at(3, event),
    }),
  ),
  options: s.at(
    5,
    defineMessage("ml_metadata.PutLineageSubgraphRequest.Options", {
      reuse_context_if_already_exist: flag(1),
      reuse_artifact_if_already_exist_by_external_id: flag(2),
    }),
  ),
  transaction_options: transaction(6),
});

type Reuse = NonNullable<TypeOf<typeof putExecution>["options"]>;

function wholeWrites(options: MetadataOptions): RpcService["methods"] {
  return {
    PutExecution: unary(
      putExecution,
      defineMessage("ml_metadata.PutExecutionResponse", {
        execution_id: id(1),
        artifact_ids: ids(2),
        context_ids: ids(3),
      }),
      async ({ execution: given, artifact_event_pairs: pairs = [], contexts = [], options: how = {} }, call) => {
        if (!given) throw invalid("No execution is found.");
        checkCount(pairs, contexts);
        const mentioned = {
          artifact: pairs.flatMap(({ artifact: each, event: edge }) => [each?.id, edge?.artifact_id]),
          execution: [given.id],
          context: contexts.map((each) => each.id),
        };
        return write(options, call, mentioned, async (writer) => {
          const execution_id = await writer.putNode("execution", given, { touch: how.force_update_time });
          const artifact_ids = await inTurn(pairs, (pair) => putPair(writer, execution_id, pair, how));
          const context_ids = await inTurn(contexts, (each) => putContext(writer, each, how));
          for (const each of context_ids) {
            await writer.putLink("execution", execution_id, each);
            for (const artifactId of artifact_ids) await writer.putLink("artifact", artifactId, each);
          }
          return { execution_id, artifact_ids, context_ids };
        });
      },
    ),
    PutLineageSubgraph: unary(
      putSubgraph,
      defineMessage("ml_metadata.PutLineageSubgraphResponse", {
        execution_ids: ids(1),
        artifact_ids: ids(2),
        context_ids: ids(3),
      }),
      async ({ executions = [], artifacts = [], contexts = [], event_edges: edges = [], options: how = {} }, call) => {
        checkCount(executions, artifacts, contexts, edges);
        // Everything is in every context.
        checkCount([...Array(contexts.length * (executions.length + artifacts.length)).keys()]);
        const mentioned = {
          artifact: [...artifacts.map((each) => each.id), ...edges.map(({ event: edge }) => edge?.artifact_id)],
          execution: [...executions.map((each) => each.id), ...edges.map(({ event: edge }) => edge?.execution_id)],
          context: contexts.map((each) => each.id),
        };
        return write(options, call, mentioned, async (writer) => {
          const context_ids = await inTurn(contexts, (each) => putContext(writer, each, how));
          const execution_ids = await inTurn(executions, (each) => writer.putNode("execution", each));
          const artifact_ids = await inTurn(artifacts, (each) => putArtifact(writer, each, how));
          for (const each of context_ids) {
            for (const node of execution_ids) await writer.putLink("execution", node, each);
            for (const node of artifact_ids) await writer.putLink("artifact", node, each);
          }
          for (const { execution_index, artifact_index, event: edge } of edges) {
            if (!edge) throw invalid("The event_edge has no event.");
            const execution_id = endOf("execution", execution_index, execution_ids, edge.execution_id);
            const artifact_id = endOf("artifact", artifact_index, artifact_ids, edge.artifact_id);
            await writer.putEvent({ ...edge, execution_id, artifact_id });
          }
          return { execution_ids, artifact_ids, context_ids };
        });
      },
    ),
  };
}

/** An artifact of an execution with the event between them; either may be left out. */
async function putPair(
  writer: MetadataWriter,
  execution_id: number,
  { artifact: given, event: edge }: TypeOf<typeof artifactAndEvent>,
  how: Reuse,
): Promise<number> {
  if (edge?.execution_id !== undefined && edge.execution_id !== execution_id) {
    throw invalid(`Request's event.execution_id does not match with the given execution: ${edge.execution_id}`);
  }
  if (given?.id !== undefined && edge?.artifact_id !== undefined && given.id !== edge.artifact_id) {
    throw invalid(`Given event.artifact_id is not aligned with the artifact: ${edge.artifact_id} and ${given.id}`);
  }
  const artifact_id = given ? await putArtifact(writer, given, how) : edge?.artifact_id;
  if (artifact_id === undefined) throw invalid("Request has no artifact and its event names none.");
  if (edge) await writer.putEvent({ ...edge, artifact_id, execution_id });
  return artifact_id;
}

async function putArtifact(writer: MetadataWriter, given: TypeOf<typeof artifact>, how: Reuse): Promise<number> {
  if (given.id === undefined && given.external_id && how.reuse_artifact_if_already_exist_by_external_id) {
    const known = await writer.findByExternalId("artifact", given.external_id);
    if (known !== undefined) return writer.putNode("artifact", { ...given, id: known });
  }
  return writer.putNode("artifact", given);
}

async function putContext(writer: MetadataWriter, given: Context, how: Reuse): Promise<number> {
  if (given.id !== undefined && how.force_reuse_context) return given.id;
  if (given.id === undefined && how.reuse_context_if_already_exist) {
    const known = await writer.findByName("context", given);
    if (known !== undefined) return known;
  }
  return writer.putNode("context", given);
}

/** The node at one end of an edge: by its place in the request, or by the id in the event. */
function endOf(
  end: End,
  index: number | undefined,
  known: readonly number[],
  named: Event["artifact_id"],
): number | undefined {
  if (index === undefined) return named;
  const found = known[index];
  if (found === undefined) {
    throw new RpcError(
      "OUT_OF_RANGE",
      `The event_edge has an ${end}_index ${index} that is outside the bounds of the request's ${end}s list, [0, ${known.length})`,
    );
  }
  if (named !== undefined && named !== found) {
    throw invalid(`Given event.${end}_id ${named} is not aligned with the ${end} at ${end}_index ${index}`);
  }
  return found;
}

async function inTurn<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await act(item));
  return results;
}

const invalid = (message: string): RpcError => new RpcError("INVALID_ARGUMENT", message);
