import { setImmediate } from "node:timers/promises";
import type { PipelineDatabase } from "../records/tables.ts";

/** Rows that are looked at in one go: some 20 ms of the database's time. */
const atOnce = 2_000;

/** Numbers to look at, the newest first: `from` is among them, `below` is not. */
export interface Window {
  readonly from?: number;
  readonly below?: number | undefined;
  readonly limit?: number | undefined;
}

/**
 * What a search finds among numbered rows, the newest first: it goes back from before `below`, a window of numbers at a time, until it
 * has `limit` or has seen all. However many there are, nobody else has to wait for more than a window.
 */
export async function lookBack<R>(
  { below, limit = Infinity }: { readonly below: number; readonly limit?: number | undefined },
  find: (window: Window) => Promise<readonly R[]>,
): Promise<readonly R[]> {
  const found: R[] = [];
  for (let end = below; end > 0 && found.length < limit; end -= atOnce) {
    found.push(...(await find({ from: end - atOnce, below: end, limit: Math.min(limit - found.length, atOnce) })));
    await setImmediate();
  }
  return found;
}

/** Where looking back over all of a table begins. */
export async function numberAfter(db: PipelineDatabase, table: "artifact" | "task"): Promise<number> {
  const newest = await db.selectFrom(table).select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
  return (newest?.id ?? 0) + 1;
}
