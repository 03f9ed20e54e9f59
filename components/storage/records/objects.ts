import { createHash } from "node:crypto";
import type { ObjectFacts, ObjectPlace } from "@headrace/artifacts";
import type { Records } from "@headrace/records";
import type { Selectable } from "kysely";
import type { ObjectTable, StorageTables } from "./tables.ts";

/** What is known of an object beyond its bytes. */
export interface ObjectDescription {
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksums: Readonly<Record<string, string>>;
}

type ObjectRow = Selectable<ObjectTable>;

/** The description of an object as it is now; of one that no client described, an ETag that changes when the file does. */
export async function describeObject(
  records: Records,
  ns: string,
  at: ObjectPlace,
  facts: ObjectFacts,
): Promise<ObjectDescription> {
  const [row] = await rowsOf(records, ns, at.bucket, [at.key]);
  return descriptionOf(facts, row);
}

/** ETags of a page of objects, in its order. */
export async function etagsOf(
  records: Records,
  ns: string,
  bucket: string,
  page: readonly (ObjectFacts & { readonly key: string })[],
): Promise<readonly string[]> {
  const rows = await rowsOf(
    records,
    ns,
    bucket,
    page.map(({ key }) => key),
  );
  const byKey = new Map(rows.map((row) => [row.key, row]));
  return page.map((entry) => descriptionOf(entry, byKey.get(entry.key)).etag);
}

async function rowsOf(records: Records, ns: string, bucket: string, keys: readonly string[]): Promise<ObjectRow[]> {
  if (keys.length === 0) return [];
  return records
    .in<StorageTables>(ns)
    .db.selectFrom("storage_object")
    .selectAll()
    .where("ns", "=", ns)
    .where("bucket", "=", bucket)
    .where("key", "in", keys)
    .execute();
}

const emptyTag = createHash("md5").digest("hex");

function descriptionOf(facts: ObjectFacts, row: ObjectRow | undefined): ObjectDescription {
  if (row && row.size === facts.size && row.modified_at === facts.modifiedAt) {
    return { etag: row.etag, headers: JSON.parse(row.headers), checksums: JSON.parse(row.checksums) };
  }
  return { etag: facts.isFolder ? emptyTag : opaqueTag(facts), headers: {}, checksums: {} };
}

/** In the form of an upload in parts, so that nobody takes it for the MD5 of the bytes. */
function opaqueTag({ size, modifiedAt }: ObjectFacts): string {
  return `${createHash("md5").update(`${size}:${modifiedAt}`).digest("hex")}-1`;
}

/** Keeps what a client said of an object, in place of what was said before. */
export async function keepObject(
  records: Records,
  ns: string,
  { bucket, key }: ObjectPlace,
  { size, modifiedAt }: ObjectFacts,
  { etag, headers, checksums }: ObjectDescription,
): Promise<void> {
  const said = {
    ns,
    size,
    modified_at: modifiedAt,
    etag,
    headers: JSON.stringify(headers),
    checksums: JSON.stringify(checksums),
  };
  await records.in<StorageTables>(ns).transaction(({ db }) =>
    db
      .insertInto("storage_object")
      .values({ bucket, key, ...said })
      .onConflict((conflict) => conflict.columns(["bucket", "key"]).doUpdateSet(said))
      .execute(),
  );
}

/** Whether an S3 client put anything beneath a folder, whose key ends with a slash, that has not been deleted by one since. */
export async function hasObjects(records: Records, bucket: string, folder: string): Promise<boolean> {
  const row = await records
    .all<StorageTables>()
    .db.selectFrom("storage_object")
    .select("key")
    .where("bucket", "=", bucket)
    // What begins with the folder lies between it and the character after its slash.
    .where("key", ">=", folder)
    .where("key", "<", `${folder.slice(0, -1)}0`)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export async function forgetObjects(
  records: Records,
  ns: string,
  bucket: string,
  keys: readonly string[],
): Promise<void> {
  await records
    .in<StorageTables>(ns)
    .transaction(({ db }) =>
      db
        .deleteFrom("storage_object")
        .where("ns", "=", ns)
        .where("bucket", "=", bucket)
        .where("key", "in", keys)
        .execute(),
    );
}
