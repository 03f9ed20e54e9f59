import { setImmediate } from "node:timers/promises";
import { chunksOf, type Records, type TaskType } from "@headrace/records";
import { RpcError } from "@headrace/rpc";
import { type Expression, type SqlBool, type SelectQueryBuilder, sql } from "kysely";
import type { NodeKind } from "../core/filter.ts";
import {
  artifactOf,
  artifactTypeName,
  contextOf,
  type ContextRow,
  eventOf,
  executionOf,
  lineageContexts,
  rootName,
  type RunFacts,
  type StepFacts,
  taskTypes,
} from "../core/kfp.ts";
import type { Association, Attribution, Event, Value } from "../core/messages.ts";
import {
  byId,
  type Cursor,
  inOrder,
  type MetadataNode,
  type MetadataType,
  type Order,
  type Search,
} from "../core/nodes.ts";
import { groupType, isOwn, isSimple, pipelineType, runType } from "../core/ownership.ts";
import { ensureTypes, mostTypes, readTypes } from "./types.ts";
import type { MetadataDatabase, MetadataTables } from "./tables.ts";

/** Namespaces whose rows are shown; undefined for all of them. */
export type Visible = readonly string[] | undefined;

/** What the pipelines know beyond the lineage, asked by run. */
export interface PipelineFacts {
  runs(ids: readonly string[]): Promise<ReadonlyMap<string, RunFacts>>;
  runsOf(
    pipelines: readonly { readonly ns: string; readonly name: string }[],
    limit: number,
  ): Promise<readonly { readonly run: string; readonly ns: string; readonly pipelineName: string }[]>;
  steps(runs: readonly string[]): Promise<(run: string, key: string) => StepFacts | undefined>;
}

export interface Page {
  readonly order: Order;
  readonly after?: Cursor | undefined;
  readonly limit: number;
}

/** Runs are looked for in one statement, in which SQLite binds 32,766 values. */
const mostRuns = 30_000;
/** Nodes that are read in one go, and that one answer without paging may hold. */
const rowsAtOnce = 1_000;
export const mostRows = 50_000;

type NamespaceColumn = `${"artifact" | "task" | "context"}.ns` | `metadata_${"node" | "event" | "link" | "parent"}.ns`;

/** The store as one caller sees it: the lineage and what users put, side by side, in the namespaces that are visible to it. */
export class MetadataView {
  readonly #records: Records;
  readonly #db: MetadataDatabase;
  readonly #facts: PipelineFacts;
  readonly #visible: Visible;
  #types: Promise<readonly MetadataType[]> | undefined;

  constructor(records: Records, facts: PipelineFacts, visible: Visible) {
    this.#records = records;
    this.#db = records.all<MetadataTables>().db;
    this.#facts = facts;
    this.#visible = visible;
  }

  /** The types that can be seen, by id. */
  async types(): Promise<readonly MetadataType[]> {
    this.#types ??= readTypes(this.#db, this.#visible);
    return this.#types;
  }

  /** All types of a kind, those of the lineage's artifacts included. */
  async listTypes(kind: NodeKind): Promise<readonly MetadataType[]> {
    if (kind === "artifact") {
      const rows = await this.#db
        .selectFrom("artifact")
        .select(["ns", "type", "type_schema"])
        .distinct()
        .where(this.#within("artifact.ns"))
        .limit(mostTypes)
        .execute();
      await this.#typeIds(rows.map((row) => ({ ns: row.ns, name: artifactTypeName(row) })));
    }
    return (await this.types()).filter((type) => type.kind === kind && !isSimple(type.name));
  }

  async findType(kind: NodeKind, name: string, version = ""): Promise<MetadataType | undefined> {
    const found = (await this.types()).find(
      (type) => type.kind === kind && type.name === name && type.version === version,
    );
    if (found || kind !== "artifact") return found;
    return (await this.listTypes(kind)).find((type) => type.name === name && type.version === version);
  }

  /** One page of the nodes of a kind that fit the search. */
  async page(kind: NodeKind, search: Search, page: Page): Promise<readonly MetadataNode[]> {
    const narrowed = await this.#narrow(kind, search);
    const [lineage, own] = [await this.#lineagePage(kind, narrowed, page), await this.#ownPage(kind, narrowed, page)];
    return inOrder([...lineage, ...own], page.order).slice(0, page.limit);
  }

  /** All nodes that fit, in the order of their ids. Throws RpcError where there are too many to answer at once. */
  async all(kind: NodeKind, search: Search): Promise<readonly MetadataNode[]> {
    const found: MetadataNode[] = [];
    for (const chunk of chunked(search)) {
      let last: MetadataNode | undefined;
      do {
        const after = last && { value: last.id ?? 0, id: last.id ?? 0 };
        const nodes = await this.page(kind, chunk, { order: byId, after, limit: rowsAtOnce });
        for (const node of nodes) found.push(node);
        if (found.length > mostRows) throw tooMany();
        last = nodes.length === rowsAtOnce ? nodes.at(-1) : undefined;
        // Others have their turn in between.
        if (last) await setImmediate();
      } while (last);
    }
    return found;
  }

  async byIds(kind: NodeKind, ids: readonly number[]): Promise<ReadonlyMap<number, MetadataNode>> {
    const nodes = await this.all(kind, { ids });
    return new Map(nodes.map((node) => [node.id ?? 0, node]));
  }

  /** Events at either end of nodes, in the order in which they came. */
  async events(end: "artifact" | "execution", ids: readonly number[]): Promise<readonly Event[]> {
    const found: Event[] = [];
    for (const some of chunksOf(distinct(ids))) {
      const lineage = await this.#lineageEvents(end, some);
      const own = await this.#ownEvents(end, some);
      found.push(...lineage, ...own);
      if (found.length > mostRows) throw tooMany();
    }
    return found;
  }

  /** The contexts that nodes are in. */
  async contextIds(
    kind: "artifact" | "execution",
    ids: readonly number[],
  ): Promise<ReadonlyMap<number, readonly number[]>> {
    const found = new Map<number, number[]>();
    const note = (node: number, context: number): void => {
      const list = found.get(node) ?? [];
      if (!list.includes(context)) found.set(node, [...list, context]);
    };
    for (const some of chunksOf(distinct(ids))) {
      const runs = await this.#runsOfNodes(kind, some);
      const contexts = await this.#contextsOfRuns([...new Set(runs.map(({ run }) => run))]);
      for (const { node, run } of runs) for (const context of contexts.get(run) ?? []) note(node, context);
      for (const { node, context } of await this.#links(kind, some)) note(node, context);
    }
    return found;
  }

  async attributions(ids: readonly number[]): Promise<readonly Attribution[]> {
    const contexts = await this.contextIds("artifact", ids);
    return [...contexts].flatMap(([artifact_id, list]) => list.map((context_id) => ({ artifact_id, context_id })));
  }

  async associations(ids: readonly number[]): Promise<readonly Association[]> {
    const contexts = await this.contextIds("execution", ids);
    return [...contexts].flatMap(([execution_id, list]) => list.map((context_id) => ({ execution_id, context_id })));
  }

  /** The contexts above or below contexts. A run's is below its pipeline's. */
  async relatives(
    side: "parents" | "children",
    ids: readonly number[],
  ): Promise<ReadonlyMap<number, readonly number[]>> {
    const found = new Map<number, number[]>();
    const note = (id: number, relative: number): void => {
      const list = found.get(id) ?? [];
      list.push(relative);
      found.set(id, list);
    };
    for (const some of chunksOf(distinct(ids))) {
      for (const { child, parent } of await this.#lineageRelatives(side, some)) {
        if (side === "parents") note(child, parent);
        else note(parent, child);
      }
      const own = await this.#db
        .selectFrom("metadata_parent")
        .select(["child", "parent"])
        .where(side === "parents" ? "child" : "parent", "in", some)
        .where(this.#within("metadata_parent.ns"))
        .limit(mostRows)
        .execute();
      for (const { child, parent } of own) {
        if (side === "parents") note(child, parent);
        else note(parent, child);
      }
    }
    return found;
  }

  #within(column: NamespaceColumn): Expression<SqlBool> {
    const visible = this.#visible;
    // Nothing is kept in the namespace without a name, so a list that is empty otherwise shows nothing.
    return visible === undefined
      ? sql<SqlBool>`1 = 1`
      : sql<SqlBool>`${sql.ref(column)} in (${sql.join([...visible, ""])})`;
  }

  /** Says a search in the words of the tables: type ids by name, contexts by run. */
  async #narrow(kind: NodeKind, search: Search): Promise<Narrowed> {
    const types = await this.types();
    const byName = search.types?.flatMap((name) => types.filter((type) => type.kind === kind && type.name === name));
    const byNumber = search.typeIds && types.filter(({ id }) => search.typeIds?.includes(id));
    const names = byNumber ? byNumber.map(({ name }) => name) : undefined;
    const runs = search.contexts && kind !== "context" ? await this.#runsIn(search.contexts) : undefined;
    return {
      search,
      runs,
      ownTypes: intersection(
        byName?.map(({ id }) => id),
        search.typeIds,
      ),
      lineageTypes: intersection(search.types, names),
    };
  }

  /** The runs whose nodes are in these contexts. */
  async #runsIn(contexts: readonly number[]): Promise<readonly string[]> {
    const lineage = contexts.filter((id) => !isOwn(id));
    if (lineage.length === 0) return [];
    const rows = await this.#db
      .selectFrom("context")
      .select(["ns", "kind", "ref"])
      .where("id", "in", lineage)
      .where(this.#within("context.ns"))
      .execute();
    const runs = rows.filter(({ kind }) => kind === runType).map(({ ref }) => ref);
    const pipelines = rows.filter(({ kind }) => kind === pipelineType).map(({ ns, ref }) => ({ ns, name: ref }));
    const below = pipelines.length > 0 ? await this.#facts.runsOf(pipelines, mostRuns + 1) : [];
    const all = [...new Set([...runs, ...below.map(({ run }) => run)])];
    if (all.length > mostRuns) throw tooMany(`the context has more than ${mostRuns} runs`);
    return all;
  }

  #lineagePage(kind: NodeKind, narrowed: Narrowed, page: Page): Promise<readonly MetadataNode[]> {
    if (kind === "artifact") return this.#lineageArtifacts(narrowed, page);
    return kind === "execution" ? this.#lineageExecutions(narrowed, page) : this.#lineageContexts(narrowed, page);
  }

  async #lineageArtifacts({ search, runs, lineageTypes }: Narrowed, page: Page): Promise<readonly MetadataNode[]> {
    // They have neither: what they are called is a custom property.
    if (search.names || search.externalIds || search.parentDags) return [];
    if (isNone(search.ids, search.uris, lineageTypes)) return [];
    let query = this.#db.selectFrom("artifact").selectAll().where(this.#within("artifact.ns"));
    if (search.ids) query = query.where("artifact.id", "in", search.ids);
    if (search.uris) query = query.where("artifact.uri", "in", search.uris);
    // A type that is given by a schema has its name within it.
    if (lineageTypes) query = query.where("artifact.type", "in", [...lineageTypes, ""]);
    const contexts = search.contexts;
    if (contexts) query = query.where(this.#inContexts("artifact", "artifact.id", contexts, runs ?? []));
    const rows = await ordered(query, page, {
      ID: sql<number>`artifact.id`,
      CREATE_TIME: sql<number>`artifact.created_at`,
      LAST_UPDATE_TIME: sql<number>`artifact.created_at`,
    }).execute();
    const ids = await this.#typeIds(rows.map((row) => ({ ns: row.ns, name: artifactTypeName(row) })));
    return rows
      .filter((row) => lineageTypes === undefined || lineageTypes.includes(artifactTypeName(row)))
      .map((row) => ({ ...artifactOf(row), type_id: ids(row.ns, artifactTypeName(row)) }));
  }

  async #lineageExecutions({ search, runs, lineageTypes }: Narrowed, page: Page): Promise<readonly MetadataNode[]> {
    if (search.uris || search.externalIds || isNone(search.ids, search.names, lineageTypes, search.parentDags))
      return [];
    let query = this.#db.selectFrom("task").selectAll().where(this.#within("task.ns"));
    if (search.ids) query = query.where("task.id", "in", search.ids);
    if (search.parentDags) query = query.where("task.parent", "in", search.parentDags);
    if (search.names) {
      const roots = search.names.filter((name) => name.startsWith(rootName(""))).map((name) => name.slice(4));
      if (roots.length === 0) return [];
      query = query.where("task.type", "=", "ROOT").where("task.run", "in", roots);
    }
    if (lineageTypes) query = query.where(isOfType(lineageTypes));
    const contexts = search.contexts;
    if (contexts) query = query.where(this.#inContexts("execution", "task.id", contexts, runs ?? []));
    const rows = await ordered(query, page, {
      ID: sql<number>`task.id`,
      CREATE_TIME: sql<number>`task.created_at`,
      LAST_UPDATE_TIME: sql<number>`coalesce(task.finished_at, task.started_at, task.created_at)`,
    }).execute();
    const attempts = await this.#lastAttempts(rows.filter(({ type }) => type === "RUNTIME").map(({ id }) => id));
    const steps = await this.#facts.steps([...new Set(rows.map(({ run }) => run))]);
    const types = await this.types();
    return rows.map((row) => {
      const node = executionOf(row, { attempt: attempts.get(row.id), facts: steps(row.run, row.key) });
      return { ...node, type_id: types.find(({ kind, name }) => kind === "execution" && name === node.type)?.id };
    });
  }

  async #lastAttempts(tasks: readonly number[]): Promise<ReadonlyMap<number, { readonly pod: string }>> {
    const found = new Map<number, { readonly pod: string }>();
    for (const some of chunksOf(tasks)) {
      const rows = await this.#db
        .selectFrom("attempt")
        .select(["task", "pod"])
        .where("task", "in", some)
        .orderBy("n")
        .execute();
      for (const { task, pod } of rows) found.set(task, { pod });
    }
    return found;
  }

  async #lineageContexts({ search, lineageTypes }: Narrowed, page: Page): Promise<readonly MetadataNode[]> {
    if (search.uris || search.externalIds || search.parentDags || isNone(search.ids, search.names, lineageTypes))
      return [];
    // A pipeline's context was made right before that of its first run.
    const created = sql<number>`coalesce((select run.created_at from run where run.id =
      case when context.kind = ${runType} then context.ref
        else (select first.ref from context as first where first.id = context.id + 1) end), 0)`;
    let query = this.#db
      .selectFrom("context")
      .selectAll()
      .select(created.as("created_at"))
      .where("context.kind", "in", lineageContexts)
      .where(this.#within("context.ns"));
    if (search.ids) query = query.where("context.id", "in", search.ids);
    if (search.names) query = query.where("context.ref", "in", search.names);
    if (lineageTypes) query = query.where("context.kind", "in", lineageTypes);
    const rows: readonly ContextRow[] = await ordered(query, page, {
      ID: sql<number>`context.id`,
      CREATE_TIME: created,
      LAST_UPDATE_TIME: created,
    }).execute();
    const facts = await this.#facts.runs(rows.filter(({ kind }) => kind === runType).map(({ ref }) => ref));
    const types = await this.types();
    return rows.map((row) => ({
      ...contextOf(row, facts.get(row.ref)),
      type_id: types.find(({ kind, name }) => kind === "context" && name === row.kind)?.id,
    }));
  }

  async #ownPage(kind: NodeKind, { search, ownTypes }: Narrowed, page: Page): Promise<readonly MetadataNode[]> {
    if (search.parentDags) return [];
    if (isNone(search.ids, search.names, search.uris, search.externalIds, ownTypes)) return [];
    let query = this.#db
      .selectFrom("metadata_node")
      .selectAll()
      .where("metadata_node.kind", "=", kind)
      .where(this.#within("metadata_node.ns"));
    if (search.ids) query = query.where("metadata_node.id", "in", search.ids);
    if (search.names) query = query.where("metadata_node.name", "in", search.names);
    if (search.uris) query = query.where("metadata_node.uri", "in", search.uris);
    if (search.externalIds) query = query.where("metadata_node.external_id", "in", search.externalIds);
    if (ownTypes) query = query.where("metadata_node.type", "in", ownTypes);
    if (search.contexts && kind !== "context") {
      query = query.where(this.#inContexts(kind, "metadata_node.id", search.contexts, []));
    }
    const rows = await ordered(query, page, {
      ID: sql<number>`metadata_node.id`,
      CREATE_TIME: sql<number>`metadata_node.created_at`,
      LAST_UPDATE_TIME: sql<number>`metadata_node.updated_at`,
    }).execute();
    const types = new Map((await this.types()).map(({ id, name }) => [id, name]));
    return rows.map((row) => ({ ...ownNode(row), type: types.get(row.type) }));
  }

  /** In one of the contexts: by the run that it belongs to, or by an edge that a user put, which only users' contexts have. */
  #inContexts(
    kind: "artifact" | "execution",
    id: "artifact.id" | "task.id" | "metadata_node.id",
    contexts: readonly number[],
    runs: readonly string[],
  ): Expression<SqlBool> {
    const own = contexts.filter(isOwn);
    const linked = sql<SqlBool>`${sql.ref(id)} in (select node from metadata_link where kind = ${kind} and context in (${sql.join(own)}))`;
    const ofRuns =
      kind === "execution"
        ? sql<SqlBool>`task.run in (${sql.join(runs)})`
        : sql<SqlBool>`artifact.id in (select task_artifact.artifact from task_artifact inner join task on task.id = task_artifact.task
            where task.run in (${sql.join(runs)}))`;
    if (own.length > 0 && runs.length > 0) return sql<SqlBool>`(${linked} or ${ofRuns})`;
    if (own.length > 0) return linked;
    return runs.length > 0 ? ofRuns : sql<SqlBool>`1 = 0`;
  }

  async #lineageEvents(end: "artifact" | "execution", ids: readonly number[]): Promise<readonly Event[]> {
    const rows = await this.#db
      .selectFrom("task_artifact")
      .innerJoin("task", "task.id", "task_artifact.task")
      .select([
        "task_artifact.task",
        "task_artifact.artifact",
        "task_artifact.direction",
        "task_artifact.name",
        "task.created_at",
        "task.finished_at",
      ])
      .where(end === "artifact" ? "task_artifact.artifact" : "task_artifact.task", "in", ids)
      .where(this.#within("task.ns"))
      .orderBy("task_artifact.task")
      .orderBy("task_artifact.direction")
      .orderBy("task_artifact.name")
      .orderBy("task_artifact.index")
      .limit(mostRows + 1)
      .execute();
    return rows.map(eventOf);
  }

  async #ownEvents(end: "artifact" | "execution", ids: readonly number[]): Promise<readonly Event[]> {
    const rows = await this.#db
      .selectFrom("metadata_event")
      .selectAll()
      .where(end, "in", ids)
      .where(this.#within("metadata_event.ns"))
      // An artifact of a run goes with its run.
      .where(
        sql<SqlBool>`(artifact in (select id from artifact) or artifact in (select id from metadata_node where kind = 'artifact'))`,
      )
      .orderBy("id")
      .limit(mostRows + 1)
      .execute();
    return rows.map((row) => ({
      artifact_id: row.artifact,
      execution_id: row.execution,
      path: parsed<Event["path"]>(row.path),
      type: row.type as Event["type"],
      milliseconds_since_epoch: row.at,
      system_metadata: parsed<Event["system_metadata"]>(row.system_metadata),
    }));
  }

  async #runsOfNodes(
    kind: "artifact" | "execution",
    ids: readonly number[],
  ): Promise<readonly { readonly node: number; readonly run: string }[]> {
    if (kind === "execution") {
      return this.#db
        .selectFrom("task")
        .select(["task.id as node", "task.run"])
        .where("task.id", "in", ids)
        .where(this.#within("task.ns"))
        .execute();
    }
    return this.#db
      .selectFrom("task_artifact")
      .innerJoin("task", "task.id", "task_artifact.task")
      .select(["task_artifact.artifact as node", "task.run"])
      .distinct()
      .where("task_artifact.artifact", "in", ids)
      .where(this.#within("task.ns"))
      .limit(mostRows)
      .execute();
  }

  /** The contexts of runs and of their pipelines, by run. */
  async #contextsOfRuns(runs: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>> {
    const found = new Map<string, readonly number[]>();
    for (const some of chunksOf(runs)) {
      const rows = await this.#db
        .selectFrom("context")
        .select(["id", "ns", "ref"])
        .where("kind", "=", runType)
        .where("ref", "in", some)
        .where(this.#within("context.ns"))
        .execute();
      const parents = await this.#pipelinesOf(rows);
      for (const { id, ref } of rows) {
        const parent = parents.get(ref);
        found.set(ref, parent === undefined ? [id] : [parent, id]);
      }
    }
    return found;
  }

  /** The context of each run's pipeline, by run. */
  async #pipelinesOf(
    runs: readonly { readonly ns: string; readonly ref: string }[],
  ): Promise<ReadonlyMap<string, number>> {
    if (runs.length === 0) return new Map();
    const facts = await this.#facts.runs(runs.map(({ ref }) => ref));
    const names = [...new Set([...facts.values()].map(({ pipelineName }) => pipelineName))];
    if (names.length === 0) return new Map();
    const rows = await this.#db
      .selectFrom("context")
      .select(["id", "ns", "ref"])
      .where("kind", "=", pipelineType)
      .where("ref", "in", names)
      .execute();
    const ids = new Map(rows.map(({ id, ns, ref }) => [`${ns}/${ref}`, id]));
    return new Map(
      runs.flatMap(({ ns, ref }) => {
        const id = ids.get(`${ns}/${facts.get(ref)?.pipelineName ?? ""}`);
        return id === undefined ? [] : [[ref, id] as const];
      }),
    );
  }

  #links(kind: "artifact" | "execution", ids: readonly number[]) {
    return this.#db
      .selectFrom("metadata_link")
      .select(["node", "context"])
      .where("kind", "=", kind)
      .where("node", "in", ids)
      .where(this.#within("metadata_link.ns"))
      .orderBy("context")
      .limit(mostRows)
      .execute();
  }

  async #lineageRelatives(
    side: "parents" | "children",
    ids: readonly number[],
  ): Promise<readonly { readonly child: number; readonly parent: number }[]> {
    const rows = await this.#db
      .selectFrom("context")
      .selectAll()
      .where("id", "in", ids)
      .where("kind", "=", side === "parents" ? runType : pipelineType)
      .where(this.#within("context.ns"))
      .execute();
    if (side === "parents") {
      const parents = await this.#pipelinesOf(rows);
      return rows.flatMap(({ id, ref }) => {
        const parent = parents.get(ref);
        return parent === undefined ? [] : [{ child: id, parent }];
      });
    }
    const below = await this.#facts.runsOf(
      rows.map(({ ns, ref }) => ({ ns, name: ref })),
      mostRows,
    );
    const children = new Map<string, number>();
    for (const some of chunksOf(below.map(({ run }) => run))) {
      const found = await this.#db
        .selectFrom("context")
        .select(["id", "ref"])
        .where("kind", "=", runType)
        .where("ref", "in", some)
        .execute();
      for (const { id, ref } of found) children.set(ref, id);
    }
    const parents = new Map(rows.map(({ id, ns, ref }) => [`${ns}/${ref}`, id]));
    return below.flatMap(({ run, ns, pipelineName }) => {
      const [child, parent] = [children.get(run), parents.get(`${ns}/${pipelineName}`)];
      return child === undefined || parent === undefined ? [] : [{ child, parent }];
    });
  }

  /** Numbers of artifact types by name; a type that was never seen gets one. */
  async #typeIds(wanted: readonly { readonly ns: string; readonly name: string }[]) {
    const find = (types: readonly MetadataType[], ns: string, name: string) =>
      types.find(
        (type) => type.kind === "artifact" && type.name === name && type.version === "" && ["", ns].includes(type.ns),
      );
    const known = await this.types();
    const missing = wanted.filter(({ ns, name }) => !find(known, ns, name));
    if (missing.length > 0) {
      await ensureTypes(this.#records, missing);
      this.#types = undefined;
    }
    const types = await this.types();
    return (ns: string, name: string): number | undefined => find(types, ns, name)?.id;
  }
}

interface Narrowed {
  readonly search: Search;
  readonly runs: readonly string[] | undefined;
  readonly ownTypes: readonly number[] | undefined;
  readonly lineageTypes: readonly string[] | undefined;
}

function intersection<T>(a: readonly T[] | undefined, b: readonly T[] | undefined): readonly T[] | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.filter((each) => b.includes(each));
}

/** One of the lists of what is wanted is there, and empty. */
const isNone = (...lists: readonly (readonly unknown[] | undefined)[]): boolean =>
  lists.some((list) => list?.length === 0);

function isOfType(types: readonly string[]): Expression<SqlBool> {
  const steps: readonly TaskType[] = Object.entries(taskTypes).flatMap(([name, type]) =>
    types.includes(name) ? [type] : [],
  );
  const isStep = steps.length > 0 ? sql<SqlBool>`task.type in (${sql.join(steps)})` : sql<SqlBool>`1 = 0`;
  if (!types.includes(groupType)) return isStep;
  return sql<SqlBool>`(${isStep} or task.type not in (${sql.join(Object.values(taskTypes))}))`;
}

/** In order, from the cursor on, as many as asked for. */
function ordered<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  { order, after, limit }: Page,
  columns: Readonly<Record<Order["field"], Expression<number>>>,
): SelectQueryBuilder<DB, TB, O> {
  const direction = order.ascending ? "asc" : "desc";
  const value = columns[order.field];
  const sign = sql.raw(order.ascending ? ">" : "<");
  const from = after
    ? query.where(sql<SqlBool>`(${value}, ${columns.ID}) ${sign} (${after.value}, ${after.id})`)
    : query;
  return from.orderBy(value, direction).orderBy(columns.ID, direction).limit(limit);
}

function ownNode(row: {
  readonly id: number;
  readonly kind: NodeKind;
  readonly type: number;
  readonly name: string | null;
  readonly uri: string | null;
  readonly external_id: string | null;
  readonly state: string | null;
  readonly properties: string;
  readonly custom_properties: string;
  readonly system_metadata: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}): MetadataNode {
  return {
    id: row.id,
    type_id: row.type,
    name: row.name ?? undefined,
    external_id: row.external_id ?? undefined,
    properties: parsed<Readonly<Record<string, Value>>>(row.properties),
    custom_properties: parsed<Readonly<Record<string, Value>>>(row.custom_properties),
    system_metadata: parsed(row.system_metadata),
    create_time_since_epoch: row.created_at,
    last_update_time_since_epoch: row.updated_at,
    ...(row.kind === "artifact" && { uri: row.uri ?? "", state: row.state ?? undefined }),
    ...(row.kind === "execution" && { last_known_state: row.state ?? undefined }),
  };
}

function parsed<T>(json: string | null): T | undefined {
  return json === null ? undefined : (JSON.parse(json) as T);
}

/** Throws RpcError for more than one answer could hold. */
function distinct<T>(items: readonly T[]): readonly T[] {
  const different = [...new Set(items)];
  if (different.length > mostRows) throw tooMany(`${different.length} nodes are asked for, ${mostRows} are allowed`);
  return different;
}

/** Long lists of ids or URIs are looked for a part at a time. */
function* chunked(search: Search): Generator<Search> {
  const { ids, uris, externalIds } = search;
  if (ids) for (const some of chunksOf(distinct(ids).toSorted((a, b) => a - b))) yield { ...search, ids: some };
  else if (uris) for (const some of chunksOf(distinct(uris))) yield { ...search, uris: some };
  else if (externalIds) for (const some of chunksOf(distinct(externalIds))) yield { ...search, externalIds: some };
  else yield search;
}

function tooMany(what = `there are more than ${mostRows}`): RpcError {
  return new RpcError("RESOURCE_EXHAUSTED", `Cannot answer at once: ${what}. Ask for a part at a time`);
}
