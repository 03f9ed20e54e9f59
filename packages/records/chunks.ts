/** Values of one list: SQLite binds 32,766 in a statement, and a statement may name several lists. */
const maxBound = 2_000;

/** A list in parts, each as long as a statement may name at once. */
export function* chunksOf<T>(items: readonly T[], size = maxBound): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

/** The same for rows that are inserted, which bind a value for each of their columns. */
export function rowChunks<Row extends object>(rows: readonly Row[]): Generator<readonly Row[]> {
  return chunksOf(rows, Math.floor(maxBound / Object.keys(rows[0] ?? [maxBound]).length));
}

/** Reads by any number of keys. */
export async function inChunks<K, T>(
  keys: readonly K[],
  read: (chunk: readonly K[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const chunk of chunksOf(keys)) for (const row of await read(chunk)) found.push(row);
  return found;
}
