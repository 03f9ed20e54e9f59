import type { StepIO } from "@headrace/model";
import { inChunks, type Records } from "@headrace/records";
import { attemptLabel, reportPath, runLabel, taskLabel } from "../core/pod.ts";
import type { PipelineDatabase, PipelineTables } from "./tables.ts";

/** What of a pod says which attempt it is. */
export interface StepPod {
  readonly metadata: {
    readonly name?: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/**
 * Why this pod may not use the artifacts that its step-io annotation names; undefined if it may. Annotations can be written by
 * anybody who can write pods, so they are held against the records: the attempt must exist and be this pod's, it writes below its
 * own run only, and reads artifacts, or all of a run's, of its own namespace only.
 */
export async function refuseStep(records: Records, pod: StepPod, step: StepIO): Promise<string | undefined> {
  const { name = "", namespace = "", labels = {} } = pod.metadata;
  const run = labels[runLabel] ?? "";
  const task = Number(labels[taskLabel]);
  const n = Number(labels[attemptLabel]);
  const { db } = records.in<PipelineTables>(namespace);
  const attempt = await db
    .selectFrom("attempt")
    .select("pod")
    .where("ns", "=", namespace)
    .where("run", "=", run)
    .where("task", "=", Number.isSafeInteger(task) ? task : -1)
    .where("n", "=", Number.isSafeInteger(n) ? n : -1)
    .executeTakeFirst();
  if (attempt?.pod !== name) return `no attempt of run "${run}" is pod "${name}"`;
  if (step.report !== reportPath(run, task, n)) return "it reports for another attempt";
  const written = step.artifacts.filter(({ mode }) => mode === "write").map(({ uri }) => uri);
  const foreign = [...written, ...(step.log === undefined ? [] : [step.log])].find((uri) => !uri.includes(`/${run}/`));
  if (foreign !== undefined) return `${foreign} is not below its own run`;
  const read = step.artifacts.filter(({ mode }) => mode === "read").map(({ uri }) => uri);
  if (read.length === 0) return undefined;
  const known = new Set(
    (
      await inChunks(read, (chunk) =>
        db
          .selectFrom("artifact")
          .select("uri")
          .where("ns", "=", namespace)
          .where("uri", "in", chunk)
          .distinct()
          .execute(),
      )
    ).map(({ uri }) => uri),
  );
  // Where a step reads many artifacts of a run, it is given the run's whole directory.
  const runs = await runsAmong(db, namespace, read.filter((uri) => !known.has(uri)).map(lastSegment));
  const unknown = read.find((uri) => !known.has(uri) && !runs.has(lastSegment(uri)));
  return unknown === undefined ? undefined : `${unknown} is not an artifact of namespace "${namespace}"`;
}

const lastSegment = (uri: string): string => uri.slice(uri.lastIndexOf("/") + 1);

async function runsAmong(db: PipelineDatabase, ns: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await inChunks(ids, (chunk) =>
    db.selectFrom("run").select("id").where("ns", "=", ns).where("id", "in", chunk).execute(),
  );
  return new Set(rows.map(({ id }) => id));
}
