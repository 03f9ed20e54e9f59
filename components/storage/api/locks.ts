/** One writer of a name at a time; others wait their turn. */
export class Locks {
  readonly #held = new Map<string, Promise<void>>();

  async hold<R>(name: string, act: () => Promise<R>): Promise<R> {
    const before = this.#held.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    const mine = (before ?? Promise.resolve()).then(() => promise);
    this.#held.set(name, mine);
    try {
      await before;
      return await act();
    } finally {
      resolve();
      if (this.#held.get(name) === mine) this.#held.delete(name);
    }
  }
}

/** So many at a time, and no line: who comes when all places are taken is sent away. */
export class Places {
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  take(): Disposable | undefined {
    if (this.#free === 0) return undefined;
    this.#free -= 1;
    return { [Symbol.dispose]: () => void (this.#free += 1) };
  }
}
