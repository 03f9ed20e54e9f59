import type { Clock } from "@headrace/model";
import type { Records } from "@headrace/records";
import { runLogsUri } from "../core/logs.ts";
import { pipelineRootOf, runDirectory } from "../core/pipeline-root.ts";
import type { Engine } from "../engine.ts";
import { discard } from "../records/garbage.ts";
import { deleteRun, type RunRow, workflowChanges } from "../records/runs.ts";
import type { PipelineTables } from "../records/tables.ts";
import { taskName } from "../resources/index.ts";
import type { PipelineCache } from "./pipeline-cache.ts";

/** Removes a run with all that only it names. Resolves once nobody can find it; its bytes are freed afterwards. */
export type RemoveRun = (row: RunRow) => Promise<void>;

export interface RunRemovalOptions {
  readonly records: Records;
  readonly engine: Pick<Engine, "forget">;
  readonly clock: Clock;
  readonly pipelines: PipelineCache;
  readonly defaultPipelineRoot: string;
}

export function createRunRemoval(options: RunRemovalOptions): RemoveRun {
  const { records, engine, clock, pipelines, defaultPipelineRoot } = options;
  return async (row) => {
    const { ns, run } = row;
    const { db, transaction } = records.in<PipelineTables>(ns);
    await engine.forget({ ns, id: run });
    const pipeline = await pipelines.read(db, ns, row.spec);
    const root = pipelineRootOf(row.pipeline_root, pipeline.defaultPipelineRoot, defaultPipelineRoot);
    const directory = runDirectory(root, row);
    await transaction(async (write) => {
      const { changed } = write;
      const { tasks, artifacts } = await deleteRun(write.db, row);
      // Places that steps were given are freed; those that users named are theirs. Cached results lie with the run that made them.
      const made = artifacts.filter(({ digest }) => digest !== null).map(({ uri }) => uri);
      const elsewhere = made.filter((uri) => !uri.startsWith(`${directory}/`));
      await discard(write, ns, [directory, runLogsUri(run), ...elsewhere], clock.now());
      for (const task of tasks) changed({ ns, kind: "tasks", key: taskName(run, task), op: "DELETE" });
      for (const { id } of artifacts) changed({ ns, kind: "artifacts", key: String(id), op: "DELETE" });
      changed({ ns, kind: "runs", key: run, op: "DELETE" });
      changed({ ns, kind: workflowChanges, key: row.resource_name, op: "DELETE" });
    });
  };
}
