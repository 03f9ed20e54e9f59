import { type ArtifactTable, inChunks } from "@headrace/records";
import { type Selectable, sql } from "kysely";
import {
  type ListColumn,
  type Listing,
  numberColumn,
  optionalTextColumn,
  type Page,
  takePage,
  textColumn,
  timeColumn,
} from "./listing.ts";
import type { PipelineDatabase } from "./tables.ts";

export type ArtifactRow = Selectable<ArtifactTable>;

/** An artifact at one end of a task. */
export type TaskArtifactRow = ArtifactRow & {
  task: number;
  direction: "INPUT" | "OUTPUT";
  port: string;
  index: number;
};

/** What goes into and comes out of a run's tasks, or of some of them, in the order of each list. */
export async function taskArtifactsOf(
  db: PipelineDatabase,
  ns: string,
  run: string,
  tasks?: readonly number[],
): Promise<readonly TaskArtifactRow[]> {
  if (tasks?.length === 0) return [];
  return db
    .selectFrom("task_artifact")
    .innerJoin("task", "task.id", "task_artifact.task")
    .innerJoin("artifact", "artifact.id", "task_artifact.artifact")
    .selectAll("artifact")
    .select(["task_artifact.task", "task_artifact.direction", "task_artifact.name as port", "task_artifact.index"])
    .where("task.ns", "=", ns)
    .$if(tasks === undefined, (query) => query.where("task.run", "=", run))
    .$if(tasks !== undefined, (query) => query.where("task_artifact.task", "in", tasks ?? []))
    .orderBy("task_artifact.task")
    .orderBy("task_artifact.index")
    .execute();
}

/**
 * Forgets what went into and came out of tasks that are to run again, but for what `keep` says of outputs. Returns the artifacts that
 * nobody names any more, whose rows are gone: an earlier result is no result once its step runs again.
 */
export async function unlinkArtifacts(
  db: PipelineDatabase,
  ns: string,
  tasks: readonly { readonly id: number; readonly keep: string | undefined }[],
): Promise<readonly ArtifactRow[]> {
  const linked = new Set<number>();
  for (const { id, keep } of tasks) {
    const rows = await db
      .deleteFrom("task_artifact")
      .where("ns", "=", ns)
      .where("task", "=", id)
      .$if(keep !== undefined, (query) =>
        query.where(({ eb, or }) => or([eb("direction", "=", "INPUT"), eb("name", "!=", keep ?? "")])),
      )
      .returning("artifact")
      .execute();
    for (const { artifact } of rows) linked.add(artifact);
  }
  return inChunks([...linked], (some) =>
    db
      .deleteFrom("artifact")
      .where("ns", "=", ns)
      .where("id", "in", some)
      .where("id", "not in", (query) =>
        query.selectFrom("task_artifact").select("task_artifact.artifact").where("task_artifact.artifact", "in", some),
      )
      .returningAll()
      .execute(),
  );
}

export async function findArtifact(db: PipelineDatabase, ns: string, id: number): Promise<ArtifactRow | undefined> {
  return db.selectFrom("artifact").selectAll().where("ns", "=", ns).where("id", "=", id).executeTakeFirst();
}

/** The one of several places that an artifact of the namespace is at: the first that has any, and there the newest. */
export async function findArtifactAt(
  db: PipelineDatabase,
  ns: string,
  uris: readonly string[],
): Promise<ArtifactRow | undefined> {
  if (uris.length === 0) return undefined;
  const rows = await db
    .selectFrom("artifact")
    .selectAll()
    .where("ns", "=", ns)
    .where("uri", "in", uris)
    .orderBy("id", "desc")
    .execute();
  return uris.map((uri) => rows.find((row) => row.uri === uri)).find((row) => row !== undefined);
}

/** `types` are the names of KFP's types by schema title, `names` the same by number. What has another title is an Artifact there. */
export function artifactColumns(
  types: Readonly<Record<string, string>>,
  names: Readonly<Record<number, string>>,
): Readonly<Record<string, ListColumn>> {
  const cases = Object.entries(types).map(([title, name]) => sql`when ${title} then ${name}`);
  return {
    number: numberColumn("artifact.id"),
    artifact_id: textColumn("artifact.uid"),
    id: textColumn("artifact.uid"),
    name: optionalTextColumn("artifact.name"),
    type: {
      type: "text",
      value: sql`case artifact.type ${sql.join(cases, sql` `)} else ${"Artifact"} end`,
      names,
    },
    schema_title: textColumn("artifact.type"),
    uri: textColumn("artifact.uri"),
    created_at: timeColumn("artifact.created_at"),
    namespace: textColumn("artifact.ns"),
  };
}

export async function findArtifactByUid(db: PipelineDatabase, uid: string): Promise<ArtifactRow | undefined> {
  return db.selectFrom("artifact").selectAll().where("uid", "=", uid).executeTakeFirst();
}

export async function listArtifacts(db: PipelineDatabase, ns: string, listing: Listing): Promise<Page<ArtifactRow>> {
  return takePage(db.selectFrom("artifact").selectAll().where("ns", "=", ns), "artifact.uid", listing);
}
