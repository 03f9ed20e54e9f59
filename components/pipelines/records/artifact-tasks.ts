import { sql } from "kysely";
import { type ListColumn, type Listing, numberColumn, type Page, takePage, textColumn } from "./listing.ts";
import type { PipelineDatabase } from "./tables.ts";

/** One end of an artifact at a task: an edge of the lineage. */
export interface ArtifactTaskRow {
  readonly id: string;
  readonly ns: string;
  readonly artifact: string;
  readonly artifact_number: number;
  /** Schema title. */
  readonly artifact_type: string;
  readonly run: string;
  readonly run_name: string;
  readonly task: string;
  readonly task_number: number;
  readonly task_name: string;
  readonly task_key: string;
  readonly task_type: string;
  readonly task_state: string;
  /** A name of KFP's IOType. */
  readonly type: string;
  readonly key: string;
  readonly producer: string | null;
  readonly producer_iteration: number | null;
}

/** Which edges: those with one of these at their end, each list unless it is empty. */
export interface ArtifactTaskQuestion {
  readonly artifacts: readonly string[];
  readonly tasks: readonly string[];
  readonly runs: readonly string[];
}

/** `names` are those of KFP's IOType by number. */
export function artifactTaskColumns(names: Readonly<Record<number, string>>) {
  return {
    /** The order in which the edges came to be: of their tasks, inputs before outputs. */
    number: numberColumn("edge.number"),
    id: textColumn("edge.id"),
    artifact_id: textColumn("edge.artifact"),
    run_id: textColumn("edge.run"),
    task_id: textColumn("edge.task"),
    type: { ...textColumn("edge.type"), names },
    key: textColumn("edge.key"),
    namespace: textColumn("edge.ns"),
  } satisfies Readonly<Record<string, ListColumn>>;
}

export async function listArtifactTasks(
  db: PipelineDatabase,
  question: ArtifactTaskQuestion,
  listing: Listing,
): Promise<Page<ArtifactTaskRow>> {
  return takePage(db.selectFrom(edges(db, question).as("edge")).selectAll("edge"), "edge.id", listing);
}

/** The namespaces of what the question names; what nobody knows is missing. */
export async function namespacesOf(
  db: PipelineDatabase,
  { artifacts, tasks, runs }: ArtifactTaskQuestion,
): Promise<ReadonlyMap<string, string>> {
  const found = [
    ...(artifacts.length > 0
      ? await db.selectFrom("artifact").select(["uid as id", "ns"]).where("uid", "in", artifacts).execute()
      : []),
    ...(tasks.length > 0
      ? await db.selectFrom("task").select(["uid as id", "ns"]).where("uid", "in", tasks).execute()
      : []),
    ...(runs.length > 0 ? await db.selectFrom("run").select(["id", "ns"]).where("id", "in", runs).execute() : []),
  ];
  return new Map(found.map(({ id, ns }) => [id, ns]));
}

function edges(db: PipelineDatabase, { artifacts, tasks, runs }: ArtifactTaskQuestion) {
  return db
    .selectFrom("task_artifact as link")
    .innerJoin("task", "task.id", "link.task")
    .innerJoin("artifact", "artifact.id", "link.artifact")
    .innerJoin("pipeline_run", "pipeline_run.run", "task.run")
    .leftJoin("task as parent", "parent.id", "task.parent")
    .leftJoin("task as maker", (join) => join.on("maker.id", "=", makerOfLink))
    .leftJoin("task as maker_parent", "maker_parent.id", "maker.parent")
    .$if(artifacts.length > 0, (query) => query.where("artifact.uid", "in", artifacts))
    .$if(tasks.length > 0, (query) => query.where("task.uid", "in", tasks))
    .$if(runs.length > 0, (query) => query.where("task.run", "in", runs))
    .select([
      sql<string>`concat(task.uid, ':', lower(link.direction), ':', link.name, ':', link."index")`.as("id"),
      sql<number>`(task.id * 2 + case when link.direction = 'OUTPUT' then 1 else 0 end)`.as("number"),
      "link.ns",
      "artifact.uid as artifact",
      "artifact.id as artifact_number",
      "artifact.type as artifact_type",
      "task.run",
      "pipeline_run.display_name as run_name",
      "task.uid as task",
      "task.id as task_number",
      "task.display_name as task_name",
      "task.key as task_key",
      "task.type as task_type",
      "task.state as task_state",
      "link.name as key",
      "maker.name as producer",
      sql<number | null>`case when maker_parent.type = 'ITERATION' then maker_parent.iteration end`.as(
        "producer_iteration",
      ),
      ioType.as("type"),
    ]);
}

/** The task of the same run that an artifact came out of: of an output, the task itself. */
const makerOfLink = sql<number>`case when link.direction = 'OUTPUT' then task.id else (
  select min(made.task) from task_artifact made join task made_by on made_by.id = made.task
  where made.artifact = link.artifact and made.direction = 'OUTPUT' and made_by.run = task.run) end`;

/** A task takes from those beside it; within a loop beside it, what all of its turns made; else what its DAG was given. */
const ioType = sql<string>`case
  when link.direction = 'OUTPUT' and parent.type = 'ITERATION' then 'ITERATOR_OUTPUT'
  when link.direction = 'OUTPUT' then 'OUTPUT'
  when maker.parent = task.parent then 'TASK_OUTPUT_INPUT'
  when substr(maker."key", 1, length(parent."key") + 1) <> concat(parent."key", '/') then 'COMPONENT_INPUT'
  when replace(substr(maker."key", length(parent."key") + 1), '[', '') <> substr(maker."key", length(parent."key") + 1)
    then 'COLLECTED_INPUTS'
  when maker.id is not null then 'TASK_OUTPUT_INPUT'
  else 'COMPONENT_INPUT' end`;
