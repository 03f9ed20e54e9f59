import { mkdirSync, readdirSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Duplex } from "node:stream";
import type { ArtifactStore } from "@headrace/artifacts";
import type { Client } from "@headrace/client";
import { type Environments, ImageMapping } from "@headrace/environments";
import { ConfigMap, Pod, Secret } from "@headrace/k8s";
import {
  ApiError,
  badRequest,
  type Clock,
  type Controller,
  type Ids,
  type KubeObject,
  type ObjectKey,
  type PodAccount,
  type ImageMappingSpec,
  type StepIO,
  type StepReport,
  type User,
} from "@headrace/model";
import { type Change, createEventRecorder, createInformer, ifPresent } from "@headrace/runtime";
import type { ContainerExit, ExecOptions, ExecSession, Sandbox } from "@headrace/sandbox";
import { createFindClaim } from "./claims.ts";
import { parseInstanceId, proxyVariables } from "./container-spec.ts";
import { lastLog, readLog } from "./logs.ts";
import { capacity, type Machine, registerNode } from "./node.ts";
import type { NodeServices } from "./node-services.ts";
import { PodDirectories, spareDirectoryPrefix } from "./pod-directories.ts";
import { podAccount, podDirectory, podDirectoryName } from "./pod-identity.ts";
import { PodWorker } from "./pod-worker.ts";
import { adoptContainers, freshContainers, readRecord, type Survivors } from "./record.ts";
import type { Share } from "./shared-paths.ts";
import type { TokenIssuer } from "./volumes.ts";

export interface KubeletOptions {
  readonly client: Client;
  readonly sandbox: Sandbox;
  readonly environments: Environments;
  readonly artifacts: ArtifactStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly nodeName: string;
  readonly machine: Machine;
  readonly version: string;
  /** Pods that may be on this node at the same time; by default eight for each core. */
  readonly maxPods?: number;
  /** Logs, volumes and what is needed to take pods over again: one directory a pod, for the agent's user alone. */
  readonly podsDirectory: string;
  /** A directory in memory, the agent's user's alone, for volumes made of Secrets, ConfigMaps and tokens; absent: on disk. */
  readonly memoryDirectory?: string;
  /** Where the folders of local volumes lie, by their handles. */
  readonly volumesDirectory: string;
  /**
   * Sends a step's report to its path as the pod's own identity. Resolves once it is recorded; an ApiError that says no for good
   * (NotFound, Gone, BadRequest, Forbidden, Invalid) ends the tries, anything else is tried again.
   */
  readonly report: (path: string, report: StepReport, user: User) => Promise<void>;
  /**
   * Why this pod may not use the artifacts that its step-io annotation names; undefined if it may. Anybody who can create pods
   * can write annotations: only the engine knows which pods are its own.
   */
  readonly authorizeStep: (pod: Pod, step: StepIO) => Promise<string | undefined>;
  readonly tokens: TokenIssuer;
  /** PEM of the API server's certificate authority, for pods' `ca.crt`. */
  readonly certificateAuthority: string;
  readonly shares?: readonly Share[];
  /** Mappings that components bring, besides the built-in ones. */
  readonly imageMappings?: readonly ImageMappingSpec[];
  /** Whether the API serves ImageMapping: then administrators' mappings count, and come first. */
  readonly servesImageMappings?: boolean;
  readonly serviceVariables?: (namespace: string) => Readonly<Record<string, string>>;
  /** Lines for /etc/hosts: services and other pods. */
  readonly hosts?: (pod: Pod) => readonly { readonly address: string; readonly names: readonly string[] }[];
  /**
   * Takes what should be kept of a pod's log before its directory goes: what the last instance of its first container printed.
   * Not called for pods that never began. Reads while it is read, so a log is never in memory as a whole.
   */
  readonly archiveLog?: (pod: ObjectKey, log: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Names, or suffixes with a leading dot, that containers of a namespace reach without the proxy: services. */
  readonly noProxy?: (namespace: string) => readonly string[];
  /** Told of failures that are tried again by themselves. */
  readonly onError?: (error: unknown) => void;
}

/** The node agent: runs the pods that are bound to this node, and nothing else writes their status. */
export interface Kubelet extends Controller, NodeConnector {
  /**
   * As whom the pod with this uid calls: the name of its group in the sandbox. Undefined once nothing of it is left. Waits until the pods
   * of an earlier process were taken over.
   */
  account(uid: string): Promise<PodAccount | undefined>;
}

/** What the API server asks the node of a pod: the shape of its own connector. */
export interface NodeConnector {
  /** The log of a container, as text. Throws ApiError BadRequest, in upstream's words, for one that has not started. */
  log(pod: KubeObject, options: PodLogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Runs a further program in a container. Throws ApiError BadRequest if it does not run, or the program cannot be run. */
  exec(pod: KubeObject, container: string, options: ExecOptions): Promise<ExecSession>;
  /** A connection to a port of the pod. Throws ApiError BadRequest if nobody listens there. */
  dial(pod: KubeObject, port: number): Promise<Duplex>;
}

export interface PodLogOptions {
  readonly container: string;
  /** Go on with what is written later, until the container ends. */
  readonly follow?: boolean;
  /** Of the instance before the present one. */
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** Milliseconds since the epoch. */
  readonly sinceTime?: number;
  readonly limitBytes?: number;
}

const podsPerCpu = 8;

export function createKubelet(options: KubeletOptions): Kubelet {
  const { client, sandbox, clock, ids, nodeName, machine } = options;
  const maxPods = options.maxPods ?? podsPerCpu * machine.cpus;
  const onError = options.onError ?? (() => {});
  const pods = client.resource(Pod);
  const workers = new Map<string, PodWorker>();
  const takenOver = Promise.withResolvers<void>();
  const mappings = createInformer({ client: client.resource(ImageMapping), clock, onError });
  const references = {
    configMap: (namespace: string, name: string) => ifPresent(client.resource(ConfigMap).get({ namespace, name })),
    secret: (namespace: string, name: string) => ifPresent(client.resource(Secret).get({ namespace, name })),
  };

  function services(signal: AbortSignal): NodeServices {
    const shares = (options.shares ?? []).map(resolveShare);
    return {
      pods,
      sandbox,
      environments: options.environments,
      artifacts: options.artifacts,
      events: createEventRecorder({ client, clock, ids, component: "kubelet", host: nodeName }),
      clock,
      references,
      volumes: {
        references,
        findClaim: createFindClaim({ client, directory: options.volumesDirectory, shares }),
        tokens: options.tokens,
        certificateAuthority: options.certificateAuthority,
        shares,
        clock,
        ids,
      },
      nodeFacts: { nodeName, hostIP: machine.address, allocatable: capacity(machine, maxPods) },
      podsDirectory: options.podsDirectory,
      memoryDirectory: options.memoryDirectory,
      directories: new PodDirectories({ podsDirectory: options.podsDirectory, clock, ids, onError, signal }),
      report: options.report,
      authorizeStep: options.authorizeStep,
      imageMappings: () => [...mappings.list().map(({ spec }) => spec), ...(options.imageMappings ?? [])],
      serviceVariables: (namespace) => ({
        ...proxyVariables(sandbox.network, options.noProxy?.(namespace) ?? []),
        ...options.serviceVariables?.(namespace),
      }),
      hosts: options.hosts ?? (() => []),
      archiveLog: options.archiveLog ?? (async () => {}),
      onError,
      signal,
    };
  }

  async function start(signal: AbortSignal): Promise<void> {
    mkdirSync(options.podsDirectory, { recursive: true, mode: 0o700 });
    await registerNode(
      {
        client,
        clock,
        nodeName,
        machine,
        maxPods,
        capabilities: sandbox.capabilities,
        version: options.version,
        onError,
      },
      signal,
    );
    const node = services(signal);
    const known = new Set(readdirSync(options.podsDirectory));
    if (options.servesImageMappings === true) await watchMappings(signal);
    const state = await sandbox.sync();
    const survivors = {
      running: new Map(state.running.map((started) => [started.id, started])),
      exits: new Map(state.exits.map((exit) => [exit.id, exit])),
    };
    const early = new Map<string, ContainerExit>(survivors.exits);
    let adopting = true;
    const exits = sandbox.onExit((exit) => {
      if (adopting) early.set(exit.id, exit);
      else dispatch(exit);
    });
    signal.addEventListener("abort", () => exits[Symbol.dispose](), { once: true });

    const informer = createInformer({ client: pods, clock, fieldSelector: `spec.nodeName=${nodeName}`, onError });
    const subscription = informer.subscribe((change) => take(change, node, known, survivors));
    signal.addEventListener("abort", () => subscription[Symbol.dispose](), { once: true });
    await informer.start(signal);
    if (signal.aborted) return;
    takenOver.resolve();
    await endOrphans(survivors);
    await removeOrphans(options.podsDirectory, known);
    if (options.memoryDirectory !== undefined)
      await removeOrphans(options.memoryDirectory, new Set(readdirSync(options.memoryDirectory)));
    adopting = false;
    known.clear();
    survivors.running.clear();
    survivors.exits.clear();
    for (const exit of early.values()) dispatch(exit);
    await watchReferences(signal);
  }

  async function watchMappings(signal: AbortSignal): Promise<void> {
    await mappings.start(signal);
    const subscription = mappings.subscribe(() => {
      for (const worker of workers.values()) worker.retryImages();
    });
    signal.addEventListener("abort", () => subscription[Symbol.dispose](), { once: true });
  }

  function take(change: Change<Pod>, node: NodeServices, known: ReadonlySet<string>, survivors: Survivors): void {
    const { uid = "" } = change.object.metadata;
    const worker = workers.get(uid);
    if (change.type === "deleted") worker?.removed();
    else if (worker !== undefined) worker.update(change.object);
    else admit(change.object, node, known, survivors);
  }

  function admit(pod: Pod, node: NodeServices, known: ReadonlySet<string>, survivors: Survivors): void {
    const { uid = "" } = pod.metadata;
    const directory = podDirectory(options.podsDirectory, pod);
    const wasHere = known.size > 0 && known.has(directory.slice(options.podsDirectory.length + 1));
    const containers =
      wasHere || pod.status?.containerStatuses !== undefined
        ? adoptContainers(pod, readRecord(directory), survivors, clock.now())
        : freshContainers(pod);
    const address = [...survivors.running.values()].find(({ id }) => parseInstanceId(id)?.uid === uid)?.address;
    const worker = new PodWorker(node, pod, { containers, address }, () => workers.delete(uid));
    workers.set(uid, worker);
    worker.start();
  }

  /** The end of a container whose pod is no longer here concerns nobody: the sandbox may forget it. */
  function dispatch(exit: ContainerExit): void {
    const uid = parseInstanceId(exit.id)?.uid ?? "";
    const worker = workers.get(uid);
    if (worker !== undefined) worker.exit(exit);
    else void forget(exit.id, uid).catch(onError);
  }

  async function forget(id: string, group: string): Promise<void> {
    await sandbox.acknowledge(id);
    await sandbox.removeGroup(group);
  }

  /** Containers of pods that were deleted while no node agent ran. */
  async function endOrphans(survivors: Survivors): Promise<void> {
    const orphans = [...survivors.running.keys()].filter((id) => !workers.has(parseInstanceId(id)?.uid ?? ""));
    await Promise.all(orphans.map((id) => sandbox.signal(id, "SIGKILL").catch(onError)));
  }

  /** A pod may have left the API right before an earlier process could keep its log. */
  async function archiveOrphan(directory: string): Promise<void> {
    const [, namespace = "", name = ""] = podDirectoryName.exec(basename(directory)) ?? [];
    const log = lastLog(directory);
    if (name !== "" && log !== undefined) await options.archiveLog?.({ namespace, name }, log);
  }

  /** Directories of pods that were deleted meanwhile, and those that an earlier process had made ahead. What does not look like one is not ours to remove. */
  async function removeOrphans(directory: string, known: ReadonlySet<string>): Promise<void> {
    const orphans = [...known].filter((name) => {
      const uid = podDirectoryName.exec(name)?.[3];
      return name.startsWith(spareDirectoryPrefix) || (uid !== undefined && !workers.has(uid));
    });
    await Promise.all(orphans.map((name) => removeOrphan(join(options.podsDirectory, name)).catch(onError)));
  }

  async function removeOrphan(directory: string): Promise<void> {
    await archiveOrphan(directory).catch(onError);
    await rm(directory, { recursive: true, force: true });
  }

  async function watchReferences(signal: AbortSignal): Promise<void> {
    const configMaps = createInformer({ client: client.resource(ConfigMap), clock, onError });
    const secrets = createInformer({ client: client.resource(Secret), clock, onError });
    await Promise.all([configMaps.start(signal), secrets.start(signal)]);
    const tell = (kind: "ConfigMap" | "Secret", change: Change<ConfigMap> | Change<Secret>): void => {
      if (change.type === "deleted") return;
      const { namespace, name = "" } = change.object.metadata;
      for (const worker of workers.values()) {
        if (worker.pod.metadata.namespace === namespace) worker.referenceChanged(kind, name);
      }
    };
    const subscriptions = [
      configMaps.subscribe((change) => tell("ConfigMap", change)),
      secrets.subscribe((change) => tell("Secret", change)),
    ];
    signal.addEventListener("abort", () => subscriptions.forEach((subscription) => subscription[Symbol.dispose]()), {
      once: true,
    });
  }

  async function log(pod: KubeObject, request: PodLogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const worker = workers.get(pod.metadata.uid ?? "");
    const source = worker?.log(request.container, request.previous === true);
    if (source === undefined) throw noLog(worker?.pod ?? pod, request);
    const { container: _, previous: __, sinceSeconds, sinceTime, ...format } = request;
    const since = sinceTime ?? (sinceSeconds === undefined ? undefined : clock.now() - sinceSeconds * 1000);
    return readLog(source, { ...format, signal, ...(since !== undefined && { since }) });
  }

  async function exec(pod: KubeObject, container: string, request: ExecOptions): Promise<ExecSession> {
    const instance = workers.get(pod.metadata.uid ?? "")?.runningInstance(container);
    if (instance === undefined) {
      throw badRequest(
        `Cannot run a program in container "${container}" of pod "${pod.metadata.name}": it does not run`,
      );
    }
    return asked(sandbox.exec(instance, request));
  }

  async function dial(pod: KubeObject, port: number): Promise<Duplex> {
    const address = workers.get(pod.metadata.uid ?? "")?.address;
    if (address === undefined) throw badRequest(`Cannot connect to pod "${pod.metadata.name}": it has no address`);
    return asked(sandbox.dial(address, port));
  }

  async function account(uid: string): Promise<PodAccount | undefined> {
    await takenOver.promise;
    const worker = workers.get(uid);
    return worker && podAccount(worker.pod);
  }

  return {
    name: "kubelet",
    start,
    account,
    log,
    exec,
    dial,
  };
}

/** What the sandbox refuses is the caller's to know. */
async function asked<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Links in what the operator shares are the operator's business; what pods name is compared after links. */
function resolveShare(share: Share): Share {
  try {
    return { ...share, path: realpathSync(share.path) };
  } catch {
    return share;
  }
}

function noLog(pod: KubeObject | Pod, { container, previous }: PodLogOptions): ApiError {
  const name = pod.metadata.name ?? "";
  if (previous === true) return badRequest(`previous terminated container "${container}" in pod "${name}" not found`);
  const status = "status" in pod ? pod.status : undefined;
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const reason = all.find((each) => each.name === container)?.state?.waiting?.reason ?? "ContainerCreating";
  return badRequest(`container "${container}" in pod "${name}" is waiting to start: ${reason}`);
}
