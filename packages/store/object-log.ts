import type { Clock } from "@headrace/model";
import { StoreConflict, StoreUnavailable } from "./errors.ts";
import type { Journal, JournalRow } from "./journal.ts";
import { createResourceLog, type ResourceLog } from "./resource-log.ts";
import { storedVersion } from "./stored.ts";
import type { HistoryLimits, Store, Stored, StoreKey, StoreWrite, TransientResource } from "./store.ts";

export interface ObjectLogOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  /** Calls back when the writes of this turn have gathered. */
  readonly gather: (commit: () => void) => void;
  readonly history?: HistoryLimits;
  readonly transient?: readonly TransientResource[];
}

interface QueuedWrite {
  readonly write: StoreWrite;
  readonly resolve: (stored: Stored) => void;
  readonly reject: (error: unknown) => void;
}

/** A change that the batch will make once it is durable. */
interface Change {
  readonly row: JournalRow;
  readonly acknowledge: () => void;
}

const defaultRows = 10_000;
const defaultBytes = 16 * 1024 * 1024;
const defaultTransientRows = 4_000;
const longestQueue = 20_000;
const sweepMs = 30_000;

/** The store over a journal: everything but the disk. */
export function createObjectLog({ journal, clock, gather, history, transient = [] }: ObjectLogOptions): Store {
  const limits = { rows: history?.rows ?? defaultRows, bytes: history?.bytes ?? defaultBytes };
  const transients = new Map(transient.map((each) => [each.resource, each]));
  const logs = new Map<string, ResourceLog>();
  /** Whose change came when, for the changes kept: the order in which they are forgotten. */
  const order: ResourceLog[] = [];
  let orderHead = 0;
  let bytesKept = 0;
  const expiries = new WeakMap<Stored, number>();

  const content = journal.load();
  let { revision, floor } = content;
  let queue: QueuedWrite[] = [];
  /** Settles when the disk has the batch that it is busy with; what comes meanwhile gathers for the next. */
  let committing: Promise<void> | undefined;
  /** Whether this turn's writes are being gathered, and until when those that have patience wait. */
  let gathering = false;
  let patience: Disposable | undefined;
  let sweep: Disposable | undefined;
  let closed = false;

  function logOf(resource: string): ResourceLog {
    let log = logs.get(resource);
    if (log === undefined) {
      log = createResourceLog({
        floor: transients.has(resource) ? content.revision : content.floor,
        clock,
        revision: () => revision,
      });
      logs.set(resource, log);
    }
    return log;
  }

  for (const row of content.rows) {
    if (row.expires !== undefined) expiries.set(row.stored, row.expires);
    if (row.stored.revision > floor && row.expires === undefined) remember(row);
    else if (row.type !== "DELETED") logOf(row.stored.resource).restore(row.stored);
  }
  armSweep();

  function remember({ type, stored, expires }: JournalRow): void {
    const log = logOf(stored.resource);
    log.apply(type, stored);
    if (expires === undefined) {
      order.push(log);
      bytesKept += stored.bytes.length;
    } else {
      expiries.set(stored, expires);
      const { rows = defaultTransientRows } = transients.get(stored.resource) ?? {};
      if (log.changes > Math.min(limits.rows, rows)) log.forgetOldest();
    }
  }

  /** Returns the floor that the limits leave. The disk forgets the same rows in the transaction of the next batch. */
  function forgetBeyondLimits(): number {
    let reached = floor;
    while (order.length - orderHead > limits.rows || bytesKept > limits.bytes) {
      const log = order[orderHead];
      if (log === undefined) break;
      orderHead += 1;
      const forgotten = log.forgetOldest();
      reached = forgotten.revision;
      bytesKept -= forgotten.bytes;
    }
    if (orderHead > 4096 && orderHead * 2 > order.length) {
      order.splice(0, orderHead);
      orderHead = 0;
    }
    return reached;
  }

  function enqueue(queued: QueuedWrite): void {
    queue.push(queued);
    if (committing === undefined) gatherFor(queued);
  }

  /** Arranges for the commit that will take the write. */
  function gatherFor({ write }: QueuedWrite): void {
    const patienceMs = transients.get(write.resource)?.patienceMs ?? 0;
    if (patienceMs > 0) patience ??= clock.after(patienceMs, commit);
    else if (!gathering) {
      gathering = true;
      gather(commit);
    }
  }

  function commit(): void {
    gathering = false;
    if (committing !== undefined || queue.length === 0) return;
    patience?.[Symbol.dispose]();
    patience = undefined;
    const writes = queue;
    queue = [];
    const { changes, refusals } = decide(writes);
    const reached = revision + changes.length;
    const show = (): void => {
      revision = reached;
      for (const { row } of changes) remember(row);
      floor = forgetBeyondLimits();
      for (const resource of new Set(changes.map(({ row }) => row.stored.resource))) logs.get(resource)?.announce();
      for (const { acknowledge } of changes) acknowledge();
      for (const refuse of refusals) refuse();
      dropTransients();
      armSweep();
    };
    const fail = (cause: unknown): void => {
      const why = "Cannot commit to the object log: the disk refused the transaction";
      const error = cause instanceof StoreUnavailable ? cause : new StoreUnavailable(why, { cause });
      for (const { reject } of writes) reject(error);
    };
    try {
      const rows = changes.map(({ row }) => row);
      const durable = rows.length === 0 ? undefined : journal.append({ rows, revision: reached, floor });
      if (durable === undefined) show();
      else committing = durable.then(show, fail).finally(goOn);
    } catch (cause) {
      fail(cause);
    }
  }

  function goOn(): void {
    committing = undefined;
    for (const queued of queue) gatherFor(queued);
  }

  /** Holds each write against what is committed and what the writes before it in the batch will leave. */
  function decide(writes: readonly QueuedWrite[]): { changes: readonly Change[]; refusals: readonly (() => void)[] } {
    const batch = new Map<string, Stored | undefined>();
    const changes: Change[] = [];
    const refusals: (() => void)[] = [];
    for (const { write, resolve, reject } of writes) {
      const id = `${write.resource}\u0000${write.namespace}\u0000${write.name}`;
      const was = batch.has(id) ? batch.get(id) : logs.get(write.resource)?.current(write.namespace, write.name);
      try {
        const row = rowOf(write, was, revision + changes.length + 1);
        changes.push({ row, acknowledge: () => resolve(row.stored) });
        batch.set(id, row.type === "DELETED" ? undefined : row.stored);
      } catch (error) {
        refusals.push(() => reject(error));
      }
    }
    return { changes, refusals };
  }

  /** The row that a write becomes. Throws StoreConflict where its precondition does not hold, and ObjectTooLarge. */
  function rowOf(write: StoreWrite, was: Stored | undefined, next: number): JournalRow {
    const { expect, object = was?.object } = write;
    const holds = "absent" in expect ? was === undefined : was !== undefined && was.revision === expect.revision;
    if (!holds || object === undefined) throw new StoreConflict(write, was);
    const type = write.object === undefined ? "DELETED" : was === undefined ? "ADDED" : "MODIFIED";
    const ttl = transients.get(write.resource)?.ttlSeconds;
    return {
      type,
      stored: storedVersion(write, object, next),
      previous: was?.revision,
      expires: ttl === undefined ? undefined : clock.now() + ttl * 1000,
    };
  }

  /** Queues the deletion of transient objects that are past their time or beyond their number. */
  function dropTransients(): void {
    const now = clock.now();
    for (const { resource, rows = defaultTransientRows } of transients.values()) {
      const log = logs.get(resource);
      let surplus = (log?.size ?? 0) - rows;
      for (const stored of log?.oldestFirst() ?? []) {
        if (surplus <= 0 && (expiries.get(stored) ?? 0) > now) break;
        surplus -= 1;
        const write = { ...keyOf(stored), expect: { revision: stored.revision }, object: undefined };
        // Written again in the meantime: then it is not the oldest any more, and stays.
        enqueue({ write, resolve: () => {}, reject: () => {} });
      }
    }
  }

  function armSweep(): void {
    if (
      sweep !== undefined ||
      closed ||
      ![...transients.keys()].some((resource) => (logs.get(resource)?.size ?? 0) > 0)
    )
      return;
    sweep = clock.after(sweepMs, () => {
      sweep = undefined;
      dropTransients();
      armSweep();
    });
  }

  return {
    get revision() {
      return revision;
    },
    get: async ({ resource, namespace, name }) => logs.get(resource)?.current(namespace, name),
    list: async (query) => logOf(query.resource).list(query),
    write: (write) =>
      new Promise((resolve, reject) => {
        if (closed) reject(new StoreUnavailable("Cannot write to the object log: it is closed"));
        else if (queue.length >= longestQueue)
          reject(new StoreUnavailable(`Cannot write to the object log: ${longestQueue} writes wait already`));
        else enqueue({ write, resolve, reject });
      }),
    watch: ({ resource, ...query }) => logOf(resource).watch(query),
    async close() {
      if (closed) return;
      closed = true;
      sweep?.[Symbol.dispose]();
      while (committing !== undefined || queue.length > 0) {
        commit();
        await committing;
      }
      for (const log of logs.values()) log.close();
      journal.close();
    },
  };
}

function keyOf({ resource, namespace, name }: Stored): StoreKey {
  return { resource, namespace, name };
}
