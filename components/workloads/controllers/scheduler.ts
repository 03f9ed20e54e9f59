import type { Admission, Completed } from "@headrace/apiserver";
import type { Client } from "@headrace/client";
import { boundPod, Pod, type Node } from "@headrace/k8s";
import { findCondition, formatTime, isApiError, type Clock, type Controller, type ObjectKey } from "@headrace/model";
import { createRateLimiter, keyOf, updateLatest, type EventRecorder, type Informer } from "@headrace/runtime";
import { createNodeAccounts } from "../core/node-accounts.ts";
import { demandOf, unschedulableMessage } from "../core/node-fit.ts";
import { claimsOf } from "../core/pod-claims.ts";
import { volumeObstacle } from "../core/volume-obstacle.ts";
import { createWaitingPods } from "../core/waiting-pods.ts";
import { createPatience } from "./patience.ts";
import type { StorageView } from "./storage-view.ts";

export interface SchedulerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  /** Pods whose claims are not ready wait for those, and take no part in the contest for nodes. */
  readonly storage: StorageView;
  readonly events: EventRecorder;
  readonly onError: (error: unknown) => void;
}

const ours = "default-scheduler";
const toldAtOnce = 16;
/**
 * How long a pod stands in line before its status says why, and before an event does, in milliseconds. Of a thousand pods that come
 * at once most wait for a moment, and to say so costs as much as to place them.
 */
const statusAfterMs = 1_000;
const eventAfterMs = 10_000;
/** How long after its creation a pod may not have been seen before it is taken to be gone again, in milliseconds. */
const unseenMs = 30_000;

interface Scheduler extends Controller {
  /** For the API server: binds pods in the commit that creates them, where there is room and nobody waits for it. */
  readonly placement: Admission;
}

/**
 * Chooses a node for each pod. A pod that fits is bound as it is created, or by one call in the turn in which it was seen; one that
 * does not waits until room is freed, and never looks again on its own. Room is taken when it is promised, before the binding is
 * written, so that two pods are never promised the same.
 */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { client, clock, pods, nodes, storage, events, onError } = options;
  const podClient = client.resource(Pod);
  const known = {
    claim: storage.claims.get,
    volume: (name: string) => storage.volumes.get({ namespace: "", name }),
    storageClass: (name: string) => storage.classes.get({ namespace: "", name }),
    podsWith: storage.podsWith,
  };

  /** While the scheduler runs. */
  let placeCreated: ((pod: Pod) => Completed | undefined) | undefined;

  return {
    name: "scheduler",
    placement: {
      name: "Placement",
      complete: ({ definition, object }) => (definition === Pod ? placeCreated?.(object as Pod) : undefined),
    },
    async start(signal) {
      const accounts = createNodeAccounts();
      const waiting = createWaitingPods();
      const limiter = createRateLimiter(clock);
      const retries = new Map<string, Disposable>();
      /** Pods that wait for their claims, with what they were told. */
      const held = new Map<string, { readonly pod: Pod; readonly obstacle: string }>();
      /** Pods that are being created and stand in no line yet, with their shape: none that comes after them may overtake them. */
      const coming = new Map<string, string>();
      const unseen = createPatience<undefined>(clock, unseenMs, forget);
      const unreported = new Map<string, { key: ObjectKey; message: string }>();
      const inLine = createPatience<{ key: ObjectKey; message: string }>(clock, statusAfterMs, tellOnce);
      const longInLine = createPatience<{ pod: Pod; message: string }>(
        clock,
        eventAfterMs - statusAfterMs,
        (_uid, { pod, message }) => warn(pod, message),
      );
      let isReporting = false;
      let arrivals = 0;
      // Decisions are sound only when every pod that occupies a node is counted.
      let isCounted = false;

      function consider(pod: Pod): void {
        const uid = pod.metadata.uid ?? "";
        seen(uid);
        if (isOver(pod)) {
          forget(uid);
          return;
        }
        if (pod.spec.nodeName) {
          settle(uid);
          accounts.occupy(uid, pod.spec.nodeName, demandOf(pod).requests);
          return;
        }
        if (!isForUs(pod)) {
          settle(uid);
          return;
        }
        // Promised a node already: the binding is on its way, or waits for its next try.
        if (accounts.nodeOf(uid) !== undefined || retries.has(uid)) return;
        place(pod);
      }

      function seen(uid: string): void {
        unseen.remove(uid);
        coming.delete(uid);
      }

      /** It does not wait any more. */
      function settle(uid: string): void {
        waiting.remove(uid);
        held.delete(uid);
        unreported.delete(uid);
        inLine.remove(uid);
        longInLine.remove(uid);
        limiter.forget(uid);
        retries.get(uid)?.[Symbol.dispose]();
        retries.delete(uid);
      }

      function forget(uid: string): void {
        seen(uid);
        settle(uid);
        if (!accounts.release(uid)) return;
        placeHeld();
        placeWaiting();
      }

      /** Takes a pod out of the contest while its claims are not ready. */
      function hold(pod: Pod): boolean {
        const uid = pod.metadata.uid ?? "";
        const obstacle = volumeObstacle(pod, known);
        if (obstacle === undefined) return false;
        if (held.get(uid)?.obstacle !== obstacle) {
          held.set(uid, { pod, obstacle });
          tellWaiting(pod, `0/${nodes.size} nodes are available: ${obstacle}.`);
        }
        return true;
      }

      /** Something about claims has changed, or a pod that used one has ended. */
      function placeHeld(): void {
        if (!isCounted) return;
        for (const [uid, { pod }] of held) {
          if (hold(pod)) continue;
          held.delete(uid);
          place(pods.get(keyOf(pod)) ?? pod);
        }
      }

      function place(pod: Pod): void {
        const uid = pod.metadata.uid ?? "";
        const demand = demandOf(pod);
        const entry = { uid, pod, demand, arrival: arrivals++ };
        if (!isCounted || waiting.hasShape(demand.shape)) {
          waiting.add(entry);
          const message = waiting.reason(demand.shape);
          if (message !== undefined) tellInLine(pod, message);
          return;
        }
        if (hold(pod)) return;
        const choice = accounts.choose(demand);
        if ("node" in choice) {
          bind(pod, choice.node);
          return;
        }
        waiting.add(entry);
        const message = unschedulableMessage(choice.reasons);
        waiting.setReason(demand.shape, message);
        tellInLine(pod, message);
      }

      /** Room was freed, or a node came or changed: the lines move as far as they can. */
      function placeWaiting(): void {
        if (!isCounted) return;
        for (const { demand } of waiting.firsts()) {
          for (let next = waiting.first(demand.shape); next; next = waiting.first(demand.shape)) {
            if (hold(next.pod)) {
              waiting.remove(next.uid);
              continue;
            }
            const choice = accounts.choose(next.demand);
            if ("reasons" in choice) {
              const message = unschedulableMessage(choice.reasons);
              waiting.setReason(demand.shape, message);
              tellInLine(next.pod, message);
              break;
            }
            settle(next.uid);
            bind(next.pod, choice.node);
          }
        }
      }

      function bind(pod: Pod, nodeName: string): void {
        accounts.occupy(pod.metadata.uid ?? "", nodeName, demandOf(pod).requests);
        void write(pod, nodeName);
      }

      async function write(pod: Pod, nodeName: string): Promise<void> {
        const { name = "", namespace = "", uid = "" } = pod.metadata;
        try {
          await podClient.post(keyOf(pod), "binding", {
            apiVersion: "v1",
            kind: "Binding",
            metadata: { name, namespace, uid },
            target: { apiVersion: "v1", kind: "Node", name: nodeName },
          });
          limiter.forget(uid);
          tellBound(pod, nodeName);
        } catch (error) {
          if (!signal.aborted) failed(pod, error);
        }
      }

      /** A pod that is created while there is room for it, and none like it waits, has its node from the start. Claims may have to be waited for. */
      function placeNew(pod: Pod): Completed | undefined {
        const uid = pod.metadata.uid ?? "";
        if (pod.spec.nodeName || !isForUs(pod)) return undefined;
        const { shape, ...demand } = demandOf(pod);
        const mayGoFirst =
          claimsOf(pod).length === 0 && !waiting.hasShape(shape) && !coming.values().some((other) => other === shape);
        const choice = mayGoFirst ? accounts.choose({ shape, ...demand }) : undefined;
        const node = choice && "node" in choice ? choice.node : undefined;
        unseen.add(uid, undefined);
        if (node === undefined) coming.set(uid, shape);
        else accounts.occupy(uid, node, demand.requests);
        return {
          object: node === undefined ? pod : boundPod(pod, node, clock.now()),
          settled(isWritten) {
            if (!isWritten) forget(uid);
            else if (node !== undefined) tellBound(pod, node);
          },
        };
      }

      function tellBound(pod: Pod, nodeName: string): void {
        const { name, namespace } = pod.metadata;
        const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
        events.record(pod, { type: "Normal", reason: "Scheduled", message });
      }

      /** The promise is taken back, and what the pod is now decides: gone, bound by someone else, or to be tried again. */
      function failed(pod: Pod, error: unknown): void {
        const uid = pod.metadata.uid ?? "";
        accounts.release(uid);
        if (!isApiError(error, "Conflict") && !isApiError(error, "NotFound")) onError(error);
        const retry = clock.after(limiter.delay(uid), () => {
          retries.delete(uid);
          const current = pods.get(keyOf(pod));
          if (current?.metadata.uid === uid) consider(current);
          else limiter.forget(uid);
        });
        retries.set(uid, retry);
        placeWaiting();
      }

      /** Status and event say why a pod waits. They are written a few at a time, which share commits, and not for pods that were placed meanwhile. */
      function tellWaiting(pod: Pod, message: string): void {
        if (!isSaid(pod, message)) tellOnce(pod.metadata.uid ?? "", { key: keyOf(pod), message });
      }

      /** For those that wait for nothing but room. */
      function tellInLine(pod: Pod, message: string): void {
        if (!isSaid(pod, message)) inLine.add(pod.metadata.uid ?? "", { key: keyOf(pod), message });
      }

      function tellOnce(uid: string, what: { readonly key: ObjectKey; readonly message: string }): void {
        unreported.set(uid, what);
        if (isReporting) return;
        isReporting = true;
        void report();
      }

      async function report(): Promise<void> {
        while (unreported.size > 0) {
          const some = [...unreported.entries().take(toldAtOnce)];
          for (const [uid] of some) unreported.delete(uid);
          await Promise.all(
            some.map(([uid, { key, message }]) =>
              tellOne(uid, key, message).catch((error: unknown) => {
                if (!signal.aborted && !isApiError(error, "Conflict")) onError(error);
              }),
            ),
          );
        }
        isReporting = false;
      }

      async function tellOne(uid: string, key: ObjectKey, message: string): Promise<void> {
        const told = await updateLatest(
          podClient,
          key,
          (pod) =>
            pod.metadata.uid === uid && !pod.spec.nodeName ? unscheduled(pod, message, clock.now()) : undefined,
          { subresource: "status", signal },
        );
        if (told?.metadata.uid !== uid || told.spec.nodeName) return;
        if (held.has(uid)) warn(told, message);
        else longInLine.add(uid, { pod: told, message });
      }

      function warn(pod: Pod, message: string): void {
        events.record(pod, { type: "Warning", reason: "FailedScheduling", message });
      }

      const subscriptions = [
        pods.subscribe((change) => {
          if (change.type === "deleted") forget(change.object.metadata.uid ?? "");
          else consider(change.object);
        }),
        nodes.subscribe((change) => {
          if (change.type === "deleted") accounts.removeNode(change.object.metadata.name ?? "");
          else accounts.setNode(change.object);
          placeWaiting();
        }),
        storage.claims.subscribe(placeHeld),
        storage.volumes.subscribe(placeHeld),
      ];
      signal.addEventListener(
        "abort",
        () => {
          for (const subscription of subscriptions) subscription[Symbol.dispose]();
          placeCreated = undefined;
          for (const timer of [inLine, longInLine, unseen, ...retries.values()]) timer[Symbol.dispose]();
        },
        { once: true },
      );
      await Promise.all([pods.start(signal), nodes.start(signal), storage.start(signal)]);
      isCounted = true;
      placeWaiting();
      if (!signal.aborted) placeCreated = placeNew;
    },
  };
}

function isSaid(pod: Pod, message: string): boolean {
  const said = findCondition(pod.status?.conditions, "PodScheduled");
  return said?.status === "False" && said.message === message;
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

function isForUs({ spec, metadata }: Pod): boolean {
  const isGated = (spec.schedulingGates ?? []).length > 0;
  return (spec.schedulerName ?? ours) === ours && metadata.deletionTimestamp === undefined && !isGated;
}

function unscheduled(pod: Pod, message: string, now: number): Pod {
  const old = findCondition(pod.status?.conditions, "PodScheduled");
  const condition = {
    type: "PodScheduled",
    status: "False",
    reason: "Unschedulable",
    message,
    lastTransitionTime: old?.status === "False" ? (old.lastTransitionTime ?? formatTime(now)) : formatTime(now),
  } as const;
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== "PodScheduled");
  return { ...pod, status: { ...pod.status, conditions: [...others, condition] } };
}
