import { createHash } from "node:crypto";
import type { PipelineDatabase } from "./tables.ts";

/** Stores a text once in its namespace, and answers its digest. */
export async function keepDocument(
  db: PipelineDatabase,
  { ns, content, now }: { ns: string; content: string; now: number },
): Promise<string> {
  const digest = createHash("sha256").update(content).digest("hex");
  const known = await db
    .selectFrom("document")
    .select("digest")
    .where("ns", "=", ns)
    .where("digest", "=", digest)
    .executeTakeFirst();
  if (!known) await db.insertInto("document").values({ ns, digest, content, created_at: now }).execute();
  return digest;
}

export async function readDocument(db: PipelineDatabase, ns: string, digest: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("document")
    .select("content")
    .where("ns", "=", ns)
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row?.content;
}

/** Several at once, by digest; those that are not there are missing. */
export async function readDocuments(
  db: PipelineDatabase,
  ns: string,
  digests: Iterable<string>,
): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(digests)];
  if (wanted.length === 0) return new Map();
  const rows = await db
    .selectFrom("document")
    .select(["digest", "content"])
    .where("ns", "=", ns)
    .where("digest", "in", wanted)
    .execute();
  return new Map(rows.map((row) => [row.digest, row.content]));
}

const owners = ["pipeline_version", "pipeline_run", "recurring_run"] as const;

/** Removes those that no version, no run and no recurring run needs any longer. */
export async function dropUnusedDocuments(db: PipelineDatabase, ns: string, digests: Iterable<string>): Promise<void> {
  for (const digest of new Set(digests)) {
    const needed = owners.map((owner) =>
      db.selectFrom(owner).select("spec").where("ns", "=", ns).where("spec", "=", digest).limit(1).executeTakeFirst(),
    );
    if ((await Promise.all(needed)).every((row) => row === undefined))
      await db.deleteFrom("document").where("ns", "=", ns).where("digest", "=", digest).execute();
  }
}
