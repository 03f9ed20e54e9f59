import type { Records } from "@headrace/records";
import type { StorageTables } from "./tables.ts";

/** The namespaces that the buckets were made by, by the bucket's name. */
export async function bucketOwners(records: Records): Promise<ReadonlyMap<string, string>> {
  const rows = await records.all<StorageTables>().db.selectFrom("storage_bucket").select(["name", "ns"]).execute();
  return new Map(rows.map(({ name, ns }) => [name, ns]));
}

export async function bucketOwner(records: Records, name: string): Promise<string | undefined> {
  const row = await records
    .all<StorageTables>()
    .db.selectFrom("storage_bucket")
    .select("ns")
    .where("name", "=", name)
    .executeTakeFirst();
  return row?.ns;
}

/** False if the bucket is somebody's already. */
export async function ownBucket(records: Records, ns: string, name: string, now: number): Promise<boolean> {
  return records.in<StorageTables>(ns).transaction(async ({ db }) => {
    const known = await db.selectFrom("storage_bucket").select("ns").where("name", "=", name).executeTakeFirst();
    if (known) return known.ns === ns;
    await db.insertInto("storage_bucket").values({ name, ns, created_at: now }).execute();
    return true;
  });
}

export async function disownBucket(records: Records, ns: string, name: string): Promise<void> {
  await records
    .in<StorageTables>(ns)
    .transaction(({ db }) => db.deleteFrom("storage_bucket").where("ns", "=", ns).where("name", "=", name).execute());
}
