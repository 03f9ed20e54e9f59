import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Pod } from "@headrace/k8s";
import type { ContainerExit, Started } from "@headrace/sandbox";
import { instanceId, parseInstanceId } from "./container-spec.ts";
import {
  advance,
  backoff,
  type ContainerKind,
  type ContainerState,
  type Ended,
  newContainer,
} from "./container-state.ts";

/**
 * What a node remembers of a pod beside the API and the sandbox: how often its containers were restarted. A first instance
 * needs no record, since the sandbox knows what it was asked to start and refuses to start it twice.
 */
export interface PodRecord {
  readonly containers: Readonly<Record<string, ContainerRecord>>;
}

interface ContainerRecord {
  readonly restarts: number;
  /** Whether this instance was handed to the sandbox, as far as is known. */
  readonly attempted: boolean;
  readonly ended?: Ended;
  readonly backoffMs: number;
  readonly imageID: string;
}

const fileName = ".record.json";

/** Written before a container is restarted, in its pod's directory. */
export function writeRecord(directory: string, containers: readonly ContainerState[]): void {
  const record: PodRecord = {
    containers: Object.fromEntries(
      containers.map(({ name, phase, restarts, ended, backoffMs, imageID }) => [
        name,
        { restarts, attempted: phase !== "Waiting", backoffMs, imageID, ...(ended !== undefined && { ended }) },
      ]),
    ),
  };
  const path = join(directory, fileName);
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function readRecord(directory: string): PodRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, fileName), "utf8"));
  } catch {
    return undefined;
  }
}

/** What the sandbox knows when the node agent comes back. */
export interface Survivors {
  readonly running: ReadonlyMap<string, Started>;
  readonly exits: ReadonlyMap<string, ContainerExit>;
}

/** The containers of a pod that is new to this node. */
export function freshContainers(pod: Pod): ContainerState[] {
  return kinds(pod).map(([name, kind]) => newContainer(name, kind));
}

/**
 * The containers of a pod that an earlier process of this node had taken. What runs goes on; what has ended is told by its
 * exit; what was started and is known to nobody is lost.
 */
export function adoptContainers(
  pod: Pod,
  record: PodRecord | undefined,
  survivors: Survivors,
  now: number,
): ContainerState[] {
  const uid = pod.metadata.uid ?? "";
  return kinds(pod).map(([name, kind]) => {
    const known = latest(record?.containers[name], reconstruct(pod, name), survived(uid, name, survivors));
    if (known === undefined) return newContainer(name, kind);
    const waiting = {
      ...newContainer(name, kind),
      restarts: known.restarts,
      backoffMs: known.backoffMs,
      imageID: known.imageID,
    };
    const past = known.ended?.restarts === known.restarts ? undefined : known.ended;
    const before = past === undefined ? waiting : { ...waiting, ended: past };
    const id = instanceId(uid, name, known.restarts);
    if (!known.attempted && !survivors.running.has(id) && !survivors.exits.has(id)) return before;
    const starting = advance(before, { type: "start" });
    const running = survivors.running.get(id);
    if (running !== undefined) return advance(starting, { type: "started", at: running.startedAt });
    if (survivors.exits.has(id)) return starting;
    const ended = known.ended?.restarts === known.restarts ? known.ended : lost(known.restarts, now);
    return advance(starting, { type: "ended", ended });
  });
}

/** Of what several sources say of a container, the word on its latest instance; of the same instance, the first one's. */
function latest(...records: readonly (ContainerRecord | undefined)[]): ContainerRecord | undefined {
  return records.reduce(
    (best, next) => (next !== undefined && next.restarts > (best?.restarts ?? -1) ? next : best),
    undefined,
  );
}

/** What the sandbox says by itself. */
function survived(uid: string, name: string, { running, exits }: Survivors): ContainerRecord | undefined {
  const instances = [...running.keys(), ...exits.keys()].map(parseInstanceId);
  const restarts = Math.max(
    ...instances.map((each) => (each?.uid === uid && each.container === name ? each.restarts : -1)),
  );
  return restarts < 0 ? undefined : { restarts, attempted: true, backoffMs: backoff.firstMs, imageID: "" };
}

function lost(restarts: number, now: number): Ended {
  return {
    exitCode: 137,
    reason: "Lost",
    message: "The container was started, and after a restart of the node nothing was left of it",
    startedAt: undefined,
    finishedAt: now,
    restarts,
  };
}

/** Without a record the API tells what was seen to run. */
function reconstruct(pod: Pod, name: string): ContainerRecord | undefined {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const status = statuses.find((candidate) => candidate.name === name);
  if (status === undefined) return undefined;
  const terminated = status.state?.terminated;
  const attempted = status.state?.running !== undefined || terminated !== undefined;
  return {
    restarts: status.restartCount,
    attempted,
    backoffMs: backoff.firstMs,
    imageID: status.imageID,
    ...(terminated !== undefined && {
      ended: {
        exitCode: terminated.exitCode,
        reason: terminated.exitCode === 0 ? "Completed" : "Error",
        message: terminated.message ?? "",
        startedAt: terminated.startedAt === undefined ? undefined : Date.parse(terminated.startedAt),
        finishedAt: Date.parse(terminated.finishedAt ?? ""),
        restarts: status.restartCount,
      } satisfies Ended,
    }),
  };
}

function kinds(pod: Pod): (readonly [string, ContainerKind])[] {
  const init = (pod.spec.initContainers ?? []).map(
    ({ name, restartPolicy }) => [name, restartPolicy === "Always" ? "sidecar" : "init"] as const,
  );
  return [...init, ...pod.spec.containers.map(({ name }) => [name, "main"] as const)];
}
