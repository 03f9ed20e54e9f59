import type { Records } from "@headrace/records";
import type { PipelineTables } from "../records/tables.ts";
import type { ArtifactRow } from "../records/artifacts.ts";
import type { AttemptRow, TaskRow } from "../records/runs.ts";

/** Writes rows as the engine does, for tests of what reads them. Answers the row's number. */
export interface LineageWriter {
  task(row: Partial<TaskRow>): Promise<number>;
  attempt(row: Partial<AttemptRow> & { task: number; pod: string }): Promise<void>;
  artifact(row: Partial<ArtifactRow> & { uri: string }, ends: readonly ArtifactEnd[]): Promise<number>;
  link(artifact: number, end: ArtifactEnd): Promise<void>;
}

export interface ArtifactEnd {
  readonly task: number;
  readonly direction: "INPUT" | "OUTPUT";
  readonly name: string;
  readonly index?: number;
}

export function lineageWriter(records: Records, { ns, id: run }: { ns: string; id: string }): LineageWriter {
  const { db } = records.in<PipelineTables>(ns);
  let count = 0;
  const uid = (kind: string): string => `${kind}-${run.slice(0, 8)}-${++count}`;
  const link: LineageWriter["link"] = async (artifact, { index = 0, ...end }) => {
    await db
      .insertInto("task_artifact")
      .values({ ...end, artifact, ns, index })
      .execute();
  };
  return {
    link,
    async task(given) {
      const row: Omit<TaskRow, "id"> = {
        uid: uid("task"),
        ns,
        run,
        parent: null,
        key: `root/${count}`,
        name: "task",
        display_name: given.name ?? "task",
        type: "RUNTIME",
        iteration: null,
        state: "SUCCEEDED",
        inputs: null,
        outputs: null,
        items: null,
        fingerprint: null,
        cached_from: null,
        error: null,
        created_at: 1_000,
        started_at: 2_000,
        finished_at: 3_000,
        retry_at: null,
        deadline_at: null,
        ...given,
      };
      return (await db.insertInto("task").values(row).returning("id").executeTakeFirstOrThrow()).id;
    },
    async attempt(given) {
      const row: AttemptRow = {
        n: 0,
        ns,
        run,
        state: "SUCCEEDED",
        exit_code: 0,
        reason: "Completed",
        message: null,
        log: null,
        created_at: 1_000,
        started_at: 2_000,
        finished_at: 3_000,
        ...given,
      };
      await db.insertInto("attempt").values(row).execute();
    },
    async artifact(given, ends) {
      const row: Omit<ArtifactRow, "id"> = {
        uid: uid("artifact"),
        ns,
        type: "system.Artifact",
        type_schema: null,
        name: null,
        metadata: "{}",
        digest: null,
        size: null,
        state: "LIVE",
        created_at: 3_000,
        ...given,
      };
      const { id } = await db.insertInto("artifact").values(row).returning("id").executeTakeFirstOrThrow();
      for (const end of ends) await link(id, end);
      return id;
    },
  };
}
