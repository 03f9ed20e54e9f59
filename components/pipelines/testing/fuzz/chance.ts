/** Chance that can be had again: the same seed makes the same requests, on any machine. */
export interface Chance {
  /** A whole number from 0 up to, and without, `limit`. */
  below(limit: number): number;
  /** True `percent` times in a hundred. */
  percent(percent: number): boolean;
  pick<T>(choices: readonly [T, ...T[]]): T;
  pick<T>(choices: readonly T[]): T | undefined;
  /** `size` bytes. */
  bytes(size: number): Buffer;
}

/** By mulberry32: 32 bits of state, which is plenty for choosing. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  return {
    below,
    percent: (percent) => below(100) < percent,
    pick: <T>(choices: readonly T[]) => choices[below(Math.max(choices.length, 1))] as T,
    bytes: (size) => Buffer.from(Array.from({ length: size }, () => below(256))),
  };
}
