/** Values of one statement: SQLite binds at most 32,766. */
const maxBound = 10_000;

/** Reads by any number of keys, so many at a time as one statement may name. */
export async function inChunks<K, T>(
  keys: readonly K[],
  read: (chunk: readonly K[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (let from = 0; from < keys.length; from += maxBound)
    for (const row of await read(keys.slice(from, from + maxBound))) found.push(row);
  return found;
}
