import type { ArtifactStore } from "@headrace/artifacts";
import type { ObjectKey } from "@headrace/model";
import type { Records } from "@headrace/records";
import { logUri } from "../core/logs.ts";
import type { PipelineTables } from "../records/tables.ts";

/**
 * Keeps what a step printed once its pod goes, and records where. Pods of nobody's attempt are let go without a trace, and a log
 * that is kept already is never replaced: a later pod may have taken the name. Rejects if the bytes cannot be written.
 */
export async function archiveStepLog(
  { records, artifacts }: { readonly records: Records; readonly artifacts: ArtifactStore },
  pod: ObjectKey,
  log: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { db, transaction } = records.in<PipelineTables>(pod.namespace);
  const find = () =>
    db
      .selectFrom("attempt")
      .select(["run", "task", "n"])
      .where("ns", "=", pod.namespace)
      .where("pod", "=", pod.name)
      .where("log", "is", null)
      .executeTakeFirst();
  const attempt = await find();
  if (attempt === undefined) return;
  const uri = logUri(attempt);
  try {
    await artifacts.write(uri, log);
  } catch (error) {
    // Deleting a run takes the place away that its logs are written to.
    if (await find()) throw error;
    return;
  }
  const kept = await transaction(({ db: rows }) =>
    rows
      .updateTable("attempt")
      .set({ log: uri })
      .where("ns", "=", pod.namespace)
      .where("task", "=", attempt.task)
      .where("n", "=", attempt.n)
      .executeTakeFirst(),
  );
  // The run was deleted meanwhile: nobody would find the log any more.
  if (kept.numUpdatedRows === 0n) await artifacts.remove(uri);
}
