import { ApiError } from "@headrace/model";
import type { Kysely } from "kysely";
import type { Change } from "./records.ts";
import type { LineageTables } from "./tables.ts";

/** Newest changes kept in memory, so that watchers who keep up never ask the database. */
const recentLimit = 1024;
/** Changes handed to a watcher at once. */
const batchLimit = 500;

/**
 * Tells watchers what was committed. A watcher is only a cursor: nothing queues up for one that is slow, and one that falls
 * behind what the feed keeps is told so (Expired) and lists again.
 */
export class ChangeFeed {
  readonly #db: Kysely<LineageTables>;
  readonly #limit: number;
  readonly #sleepers = new Set<() => void>();
  #recent: Change[] = [];
  /** The newest change that watchers have been shown. */
  #head = 0;
  /** The newest change that is no longer kept. */
  #trimmed = 0;
  #reading: Promise<void> | undefined;
  #closed = false;

  constructor(db: Kysely<LineageTables>, limit: number) {
    this.#db = db;
    this.#limit = limit;
  }

  /** Finds where an earlier process left off. */
  async open(): Promise<void> {
    const row = await this.#db
      .selectFrom("change")
      .select((eb) => [eb.fn.min("seq").as("oldest"), eb.fn.max("seq").as("newest")])
      .executeTakeFirst();
    this.#head = row?.newest ?? 0;
    this.#trimmed = row?.oldest ? row.oldest - 1 : 0;
  }

  async newest(): Promise<number> {
    const row = await this.#db
      .selectFrom("change")
      .select((eb) => eb.fn.max("seq").as("newest"))
      .executeTakeFirst();
    return row?.newest ?? 0;
  }

  /**
   * Shows watchers what a transaction has committed, in the order of its numbers. What follows what they have seen is shown as
   * it is; where anything is missing in between, the database is asked.
   */
  async committed(changes: readonly Change[]): Promise<void> {
    if (this.#reading === undefined && changes.every(({ seq }, index) => seq === this.#head + 1 + index)) {
      this.#show(changes);
      await this.#trim();
    } else await this.#advance();
  }

  /** Calls that overlap share one read after the next. */
  async #advance(): Promise<void> {
    if (this.#reading) await this.#reading;
    this.#reading ??= this.#readCommitted().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async *watch({
    kind,
    since,
    signal,
  }: {
    kind: string;
    since: number;
    signal: AbortSignal;
  }): AsyncGenerator<readonly Change[]> {
    if (since > this.#head && since > (await this.newest())) {
      throw new ApiError("Expired", `Cannot watch ${kind} from ${since}: the feed ends before it; list again`);
    }
    let cursor = since;
    while (!signal.aborted && !this.#closed) {
      if (cursor >= this.#head) {
        await this.#sleep(signal);
        continue;
      }
      const { changes, upTo } = await this.#after(kind, cursor);
      cursor = upTo;
      if (changes.length > 0) yield changes;
    }
  }

  /** Ends every watch without an error. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#reading;
  }

  async #readCommitted(): Promise<void> {
    for (;;) {
      const rows = await this.#db
        .selectFrom("change")
        .selectAll()
        .where("seq", ">", this.#head)
        .orderBy("seq")
        .limit(recentLimit)
        .execute();
      if (rows.length === 0) return;
      this.#show(rows);
      await this.#trim();
      if (rows.length < recentLimit) return;
    }
  }

  #show(changes: readonly Change[]): void {
    this.#recent.push(...changes.slice(-recentLimit));
    // Some more are kept for a while, so that not every commit moves them all.
    if (this.#recent.length > 2 * recentLimit) this.#recent = this.#recent.slice(-recentLimit);
    this.#head = changes.at(-1)?.seq ?? this.#head;
    this.#wake();
  }

  // An eighth more than the limit is kept for a while, so that one deletion serves many changes.
  async #trim(): Promise<void> {
    if (this.#head - this.#trimmed <= this.#limit + this.#limit / 8) return;
    this.#trimmed = this.#head - this.#limit;
    await this.#db.deleteFrom("change").where("seq", "<=", this.#trimmed).execute();
  }

  async #after(kind: string, cursor: number): Promise<{ changes: readonly Change[]; upTo: number }> {
    const head = this.#head;
    const first = this.#recent[0];
    if (first && cursor >= first.seq - 1 && cursor >= this.#trimmed) {
      return { changes: this.#recentAfter(cursor).filter((change) => change.kind === kind), upTo: head };
    }
    const changes = await this.#db
      .selectFrom("change")
      .selectAll()
      .where("kind", "=", kind)
      .where("seq", ">", cursor)
      .orderBy("seq")
      .limit(batchLimit)
      .execute();
    // Looked at after the read: what was trimmed while it ran may be missing from it.
    if (cursor < this.#trimmed) {
      throw new ApiError(
        "Expired",
        `Cannot watch ${kind} from ${cursor}: changes up to ${this.#trimmed} are no longer kept; list again`,
      );
    }
    const last = changes.at(-1);
    return { changes, upTo: last && changes.length === batchLimit ? last.seq : Math.max(head, last?.seq ?? 0) };
  }

  /** Looked for from the end: a watcher that keeps up has missed a few. */
  #recentAfter(cursor: number): readonly Change[] {
    return this.#recent.slice(this.#recent.findLastIndex(({ seq }) => seq <= cursor) + 1);
  }

  async #sleep(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#sleepers.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    await promise;
    signal.removeEventListener("abort", wake);
    this.#sleepers.delete(wake);
  }

  #wake(): void {
    for (const wake of this.#sleepers) wake();
  }
}
