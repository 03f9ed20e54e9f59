import type { ObjectPlace } from "@headrace/artifacts";
import { uuidPattern } from "@headrace/model";
import { activeRunStates, type Records } from "@headrace/records";

const uuid = new RegExp(`^${uuidPattern}$`);

/**
 * Why an object may not be written or deleted: it is what a step made, or lies within that, or where steps of a run write now. Undefined
 * if nothing speaks against it. What was only imported stays its owner's to change.
 */
export async function whyHeld(records: Records, { bucket, key }: ObjectPlace): Promise<string | undefined> {
  const segments = key.replace(/\/$/, "").split("/");
  const places = segments.map((_, index) => `minio://${bucket}/${segments.slice(0, index + 1).join("/")}`);
  const { db } = records.all();
  const artifact = await db
    .selectFrom("artifact")
    .select(["id", "uri"])
    .where("uri", "in", places)
    .where("digest", "is not", null)
    .where("state", "!=", "DELETED")
    .limit(1)
    .executeTakeFirst();
  if (artifact) {
    return `it belongs to artifact ${artifact.id}, which a step made and other runs may use; delete its runs instead`;
  }
  const candidates = segments.filter((segment) => uuid.test(segment));
  if (candidates.length === 0) return undefined;
  const run = await db
    .selectFrom("run")
    .select("id")
    .where("id", "in", candidates)
    .where("state", "in", activeRunStates)
    .limit(1)
    .executeTakeFirst();
  return run && `steps of run ${run.id} write there; wait until it is over, or terminate it`;
}
