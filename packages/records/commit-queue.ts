import { AsyncLocalStorage } from "node:async_hooks";
import { ApiError, type Clock } from "@headrace/model";
import type { ControlledTransaction, Kysely, Transaction } from "kysely";
import { QueryBesideTransactionError, RecordsClosedError } from "./errors.ts";
import type { LineageTables } from "./tables.ts";

/** Bodies that share one commit, and for how many milliseconds the first of them may be kept waiting for the others. */
const batchLimit = 64;
const batchMs = 5;
/** Bodies that may wait before callers are turned away. */
const queueLimit = 10_000;

type Body = (tx: Transaction<LineageTables>) => Promise<void>;

interface Job {
  readonly body: Body;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Group commit: writers run one after another, each beneath a savepoint of its own, and those that were waiting share one
 * commit, that is one wait for the disk. A body that throws undoes only itself. Nobody is told of success before the commit.
 */
export class CommitQueue {
  readonly #db: Kysely<LineageTables>;
  readonly #clock: Clock;
  readonly #waiting: Job[] = [];
  /** Closed when the body is over: what it started goes on in its context, and may query again. */
  readonly #inside = new AsyncLocalStorage<{ isOpen: boolean }>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(db: Kysely<LineageTables>, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Resolves once what `body` did is durable. Rejects with what it threw, or with the failure of the commit. */
  async run(body: Body): Promise<void> {
    this.refuseInside();
    if (this.#closed) throw new RecordsClosedError();
    if (this.#waiting.length >= queueLimit) {
      throw new ApiError(
        "ServiceUnavailable",
        `Cannot write to the records: ${queueLimit} writers are waiting; try again later`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ body, done: resolve, failed: reject });
    this.#running ??= this.#drain();
    await promise;
  }

  /** Throws if the caller is inside a transaction's body, where waiting for the connection would never end. */
  refuseInside(): void {
    if (this.#inside.getStore()?.isOpen) throw new QueryBesideTransactionError();
  }

  /** Lets those who wait finish; refuses new ones. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#commitBatch();
    // In the same breath as the last look at the queue: whoever comes next starts anew.
    this.#running = undefined;
  }

  async #commitBatch(): Promise<void> {
    const succeeded: Job[] = [];
    try {
      const tx = await this.#begin();
      if (!tx) return;
      try {
        await this.#runBodies(tx, succeeded);
        await tx.commit().execute();
      } catch (error) {
        await tx.rollback().execute();
        throw error;
      }
    } catch (error) {
      for (const job of succeeded) job.failed(error);
      return;
    }
    for (const job of succeeded) job.done();
  }

  /** Without a transaction to run in, those who wait would fail one by one all the same. */
  async #begin(): Promise<ControlledTransaction<LineageTables> | undefined> {
    try {
      return await this.#db.startTransaction().execute();
    } catch (error) {
      for (const job of this.#waiting.splice(0)) job.failed(error);
      return undefined;
    }
  }

  async #runBodies(tx: ControlledTransaction<LineageTables>, succeeded: Job[]): Promise<void> {
    const deadline = this.#clock.monotonic() + batchMs;
    for (let count = 0; count < batchLimit; count++) {
      const job = this.#waiting.shift();
      if (!job) return;
      if (await this.#runBody(tx, job)) succeeded.push(job);
      if (this.#clock.monotonic() >= deadline) return;
    }
  }

  /** Whether the body succeeded; if not it was told, and left nothing. Throws if the transaction itself is broken. */
  async #runBody(tx: ControlledTransaction<LineageTables>, job: Job): Promise<boolean> {
    const beneath = await tx
      .savepoint("writer")
      .execute()
      .catch((error: unknown) => {
        job.failed(error);
        throw error;
      });
    try {
      await this.#runInside(() => job.body(beneath));
      await beneath.releaseSavepoint("writer").execute();
      return true;
    } catch (error) {
      job.failed(error);
      await beneath.rollbackToSavepoint("writer").execute();
      return false;
    }
  }

  async #runInside(body: () => Promise<void>): Promise<void> {
    const inside = { isOpen: true };
    try {
      await this.#inside.run(inside, body);
    } finally {
      inside.isOpen = false;
    }
  }
}
