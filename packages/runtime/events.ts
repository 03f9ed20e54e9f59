import type { Client } from "@headrace/client";
import { Event } from "@headrace/k8s";
import { formatTime, isApiError, type Clock, type Ids, type KubeObject } from "@headrace/model";
import { createLimitedMap } from "./limited-map.ts";
import { afterThisTurn } from "./pause.ts";

export interface EventMessage {
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase, for machines: `FailedScheduling`. */
  readonly reason: string;
  /** A sentence for people; beyond 1,024 characters it is cut. */
  readonly message: string;
}

export interface EventRecorder {
  /**
   * Says what happened to an object. Neither throws nor waits: events are advice. Repetitions are counted on one Event, many
   * similar ones are combined, and an object that talks without end is throttled, with client-go's numbers.
   */
  record(object: KubeObject, event: EventMessage): void;
  /** Resolves when everything recorded so far was written or given up. */
  flush(): Promise<void>;
  /** Events that were throttled or could not be written. */
  readonly dropped: number;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Who says it: `kubelet`, `headrace-scheduler`. */
  readonly component: string;
  readonly host?: string;
}

const maxMessage = 1024;
const maxRemembered = 4096;
const maxWaiting = 1000;
const similarity = { windowMs: 600_000, distinctMessages: 10 };
const throttle = { burst: 25, refillMs: 300_000 };

interface Written {
  readonly name: string;
  readonly namespace: string;
  count: number;
}

interface Similar {
  since: number;
  readonly messages: Set<string>;
}

interface Bucket {
  tokens: number;
  filledAt: number;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { clock, ids, component } = options;
  const events = options.client.resource(Event);
  const written = createLimitedMap<Written>(maxRemembered);
  const similar = createLimitedMap<Similar>(maxRemembered);
  const buckets = createLimitedMap<Bucket>(maxRemembered);
  let waiting = 0;
  let dropped = 0;
  /** What was said last of each object that something is being written about. */
  const tails = new Map<string, Promise<void>>();

  function mayTalk(uid: string): boolean {
    const now = clock.monotonic();
    const bucket = buckets.get(uid) ?? { tokens: throttle.burst, filledAt: now };
    bucket.tokens = Math.min(throttle.burst, bucket.tokens + (now - bucket.filledAt) / throttle.refillMs);
    bucket.filledAt = now;
    buckets.set(uid, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** The message to write, and whether it stands for many: more than ten different ones of a kind within ten minutes are one. */
  function combine(kindOfEvent: string, message: string): { message: string; combined: boolean } {
    const now = clock.monotonic();
    let group = similar.get(kindOfEvent);
    if (!group || now - group.since > similarity.windowMs) group = { since: now, messages: new Set() };
    similar.set(kindOfEvent, group);
    if (group.messages.size < similarity.distinctMessages || group.messages.has(message)) {
      group.messages.add(message);
      return { message, combined: false };
    }
    return { message: `(combined from similar events): ${message}`, combined: true };
  }

  async function write(object: KubeObject, event: EventMessage): Promise<void> {
    const { uid = "", name = "", namespace } = object.metadata;
    const kindOfEvent = [uid, object.kind, namespace, name, event.type, event.reason].join("\n");
    const { message, combined } = combine(kindOfEvent, event.message.slice(0, maxMessage));
    const identity = combined ? kindOfEvent : `${kindOfEvent}\n${message}`;
    const earlier = written.get(identity);
    if (earlier && (await countAgain(earlier, message))) return;
    const created = await create(object, event, message);
    written.set(identity, created);
  }

  /** False if the Event is no longer there: it has outlived its time. */
  async function countAgain(earlier: Written, message: string): Promise<boolean> {
    const count = earlier.count + 1;
    try {
      await events.patch(earlier, {
        type: "merge",
        body: { count, message, lastTimestamp: formatTime(clock.now()) },
      });
      earlier.count = count;
      return true;
    } catch (error) {
      if (isApiError(error, "NotFound")) return false;
      throw error;
    }
  }

  async function create(object: KubeObject, event: EventMessage, message: string): Promise<Written> {
    // Events of cluster-scoped objects live in namespace "default".
    const { uid, name = "", resourceVersion } = object.metadata;
    const namespace = object.metadata.namespace ?? "default";
    const time = formatTime(clock.now());
    const written = { namespace, name: `${name.slice(0, 230)}.${clock.now().toString(16)}${ids.suffix(5)}`, count: 1 };
    await events.create({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: written.name, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(object.metadata.namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      type: event.type,
      reason: event.reason,
      message,
      source: { component, ...(options.host !== undefined && { host: options.host }) },
      reportingComponent: component,
      reportingInstance: options.host ?? "",
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    });
    return written;
  }

  return {
    record(object, event) {
      const identity = `${object.metadata.uid ?? ""}\n${object.metadata.name ?? ""}`;
      if (waiting >= maxWaiting || !mayTalk(identity)) {
        dropped += 1;
        return;
      }
      waiting += 1;
      // One after the other for each object, so that a repetition finds what it repeats; those of many objects share commits.
      const tail = (tails.get(identity) ?? afterThisTurn())
        .then(() => write(object, event))
        .catch(() => void (dropped += 1))
        .finally(() => {
          waiting -= 1;
          if (tails.get(identity) === tail) tails.delete(identity);
        });
      tails.set(identity, tail);
    },
    async flush() {
      await Promise.all(tails.values());
    },
    get dropped() {
      return dropped;
    },
  };
}
