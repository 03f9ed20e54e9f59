import type { LineageTables } from "@headrace/records";
import type { Transaction } from "kysely";

/** Kind of the changes by which whoever frees the bytes hears of it. */
const garbageChanges = "garbage";

interface Write {
  readonly db: Transaction<LineageTables>;
  changed(change: { ns: string; kind: string; key: string; op: "PUT" }): void;
}

/** Notes places whose bytes nobody names any more, within the transaction that forgets them. */
export async function discard({ db, changed }: Write, ns: string, uris: readonly string[], now: number): Promise<void> {
  for (const uri of new Set(uris)) {
    await db
      .insertInto("garbage")
      .values({ ns, uri, created_at: now })
      .onConflict((conflict) => conflict.columns(["uri", "ns"]).doNothing())
      .execute();
    changed({ ns, kind: garbageChanges, key: uri, op: "PUT" });
  }
}
