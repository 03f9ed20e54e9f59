import type { Client } from "@headrace/client";
import { Pod } from "@headrace/k8s";
import { isApiError, type Controller } from "@headrace/model";
import { formatKey, ifPresent, keyOf, type Informer } from "@headrace/runtime";

export interface FinishedPodsOptions {
  readonly client: Client;
  readonly pods: Informer<Pod>;
  /** How many finished pods of a namespace stay; 500 unless told otherwise. */
  readonly keep?: number;
  readonly onError: (error: unknown) => void;
}

/**
 * Keeps the newest finished pods of each namespace and deletes the older ones, but for those that a finalizer still holds: their owner
 * has not yet taken what it needs. Costs the same for each pod however many there are.
 */
export function createFinishedPods({ client, pods, keep = 500, onError }: FinishedPodsOptions): Controller {
  const podClient = client.resource(Pod);

  return {
    name: "finished-pods",
    async start(signal) {
      /** By namespace, in the order of their end: a Map goes through its entries as they came. */
      const finished = new Map<string, Map<string, Pod>>();
      let isComplete = false;

      function note(pod: Pod): void {
        const namespace = pod.metadata.namespace ?? "";
        const line = finished.get(namespace) ?? new Map<string, Pod>();
        line.set(formatKey(keyOf(pod)), pod);
        finished.set(namespace, line);
        if (isComplete && line.size > keep) trim(line);
      }

      function trim(line: Map<string, Pod>): void {
        let excess = line.size - keep;
        // Held ones are skipped, but not searched through without end.
        let looks = excess + keep / 10;
        for (const [key, pod] of line) {
          if (excess <= 0 || looks-- <= 0) return;
          if ((pod.metadata.finalizers ?? []).length > 0) continue;
          line.delete(key);
          excess -= 1;
          void remove(pod);
        }
      }

      async function remove(pod: Pod): Promise<void> {
        const { uid } = pod.metadata;
        try {
          await ifPresent(
            podClient.delete(keyOf(pod), {
              gracePeriodSeconds: 0,
              ...(uid !== undefined && { preconditions: { uid } }),
            }),
          );
        } catch (error) {
          if (!signal.aborted && !isApiError(error, "Conflict")) onError(error);
        }
      }

      const subscription = pods.subscribe(({ type, object }) => {
        const line = finished.get(object.metadata.namespace ?? "");
        if (type === "deleted") {
          line?.delete(formatKey(keyOf(object)));
          if (line?.size === 0) finished.delete(object.metadata.namespace ?? "");
        } else if (isOver(object) && object.metadata.deletionTimestamp === undefined) note(object);
      });
      signal.addEventListener("abort", () => subscription[Symbol.dispose](), { once: true });
      await pods.start(signal);
      for (const [namespace, line] of finished) {
        const inOrder = new Map([...line].toSorted(([, a], [, b]) => endOf(a) - endOf(b)));
        finished.set(namespace, inOrder);
        trim(inOrder);
      }
      isComplete = true;
    },
  };
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

function endOf(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ""),
  );
  const latest = Math.max(...ends.filter((end) => !Number.isNaN(end)));
  return Number.isFinite(latest) ? latest : Date.parse(pod.metadata.creationTimestamp ?? "");
}
