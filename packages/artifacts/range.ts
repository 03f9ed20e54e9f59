import type { FileHandle } from "node:fs/promises";

/** Bytes that are read or written at a time. */
export const batchBytes = 1 << 20;

/** Memory to read into. */
export const newBatch = (): Buffer => Buffer.allocUnsafeSlow(batchBytes);

/**
 * Reads one batch ahead of what is asked for; into these two in turn, if they are given. (New memory for each would be a burden on
 * the garbage collector, which goes through all of the process for it.)
 */
export async function* readRange(
  handle: FileHandle,
  start: number,
  end: number,
  signal?: AbortSignal,
  reused?: readonly [Buffer, Buffer],
): AsyncGenerator<Uint8Array> {
  let turn: 0 | 1 = 0;
  const next = async (position: number): Promise<Buffer> => {
    const length = Math.min(batchBytes, end - position);
    if (length <= 0) return Buffer.alloc(0);
    turn = turn === 0 ? 1 : 0;
    const target = reused?.[turn] ?? Buffer.allocUnsafe(length);
    const { bytesRead, buffer } = await handle.read(target, 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
  let ahead = next(start);
  try {
    for (let position = start; ;) {
      const batch = await ahead;
      if (batch.length === 0) return;
      position += batch.length;
      signal?.throwIfAborted();
      ahead = next(position);
      yield batch;
    }
  } finally {
    await ahead.catch(() => {});
  }
}
