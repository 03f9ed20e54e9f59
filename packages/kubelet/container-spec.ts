import { createHash } from "node:crypto";
import type { Container, Pod } from "@headrace/k8s";
import { type WarmEntry, warmEntryAnnotation } from "@headrace/model";
import type { Environment } from "@headrace/environments";
import type { ContainerSpec, Limits, Mount, PodNetwork } from "@headrace/sandbox";
import { ContainerConfigError } from "./errors.ts";
import { quantity } from "./quantities.ts";
import { expand } from "./variables.ts";

/** Set to `never`, the step runs as any other container. */
export const warmAnnotation = "headrace.io/warm";

const logRotation = { maxBytes: 10 << 20, maxFiles: 5 };

const processes = 4096;
const sharedMemoryBytes = 64 << 20;
const ephemeralBytes = 2 * 2 ** 30;

export interface SpecParts {
  readonly pod: Pod;
  readonly container: Container;
  readonly restarts: number;
  readonly environment: Environment;
  readonly variables: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly logPath: string;
  readonly hosts: readonly { readonly address: string; readonly names: readonly string[] }[];
  /** Where the environment's writable layer is on the host; undefined for warm steps and images without one. */
  readonly layerDirectory: string | undefined;
  readonly warm: ContainerSpec["warm"];
}

/** `<pod uid>/<container>/<restart>`: the id under which the sandbox knows an instance, for ever. */
export function instanceId(uid: string, container: string, restarts: number): string {
  return `${uid}/${container}/${restarts}`;
}

export function parseInstanceId(id: string): { uid: string; container: string; restarts: number } | undefined {
  const [uid, container, restarts] = id.split("/");
  if (uid === undefined || container === undefined || !/^\d+$/.test(restarts ?? "")) return undefined;
  return { uid, container, restarts: Number(restarts) };
}

/** Everything that the sandbox needs to know of a container. Pure. Throws ContainerConfigError. */
export function containerSpec(parts: SpecParts): ContainerSpec {
  const { pod, container, environment, warm } = parts;
  const uid = pod.metadata.uid ?? "";
  const ids = userAndGroup(pod, container);
  const inCell = warm !== undefined;
  const trees: Mount[] = inCell ? [] : environmentMounts(environment, parts.layerDirectory);
  return {
    id: instanceId(uid, container.name, parts.restarts),
    group: uid,
    // Only a warm step needs the environment's interpreter ready; anything else runs from the one bare cell of its tenant.
    cell: {
      tenant: tenantOf(pod),
      search: searchDomains(pod),
      ...(inCell && environment.cell !== undefined && { environment: environment.cell }),
    },
    hostname: hostname(pod),
    ...ids,
    command: expandedWords(container, parts.variables, environment),
    environment: parts.variables,
    workingDirectory: container.workingDir || "/",
    ...(warm !== undefined && { warm }),
    mounts: orderMounts([...trees, ...parts.mounts]),
    limits: limitsOf(container),
    log: { path: parts.logPath, ...logRotation },
    hosts: parts.hosts,
  };
}

export function tenantOf(pod: Pod): string {
  return `${pod.metadata.namespace ?? ""}/${pod.spec.serviceAccountName || "default"}`;
}

/** Where short names of services are looked for, as on a cluster: in the pod's own namespace first. */
function searchDomains({ metadata }: Pod): readonly string[] {
  return [`${metadata.namespace ?? ""}.svc.cluster.local`, "svc.cluster.local", "cluster.local"];
}

/** Variables that an image would bring, beneath the container's own. */
export function imageVariables(
  pod: Pod,
  container: Container,
  environment: Environment,
  withLayer: boolean,
): Record<string, string> {
  const { uid } = userAndGroup(pod, container);
  return {
    ...environment.variables,
    ...(withLayer && environment.layer?.variables),
    HOSTNAME: hostname(pod),
    HOME: uid === 0 ? "/root" : "/",
  };
}

/** The way to the world, where the sandbox has one: pods and services are reached without it. Both spellings, since programs differ. */
export function proxyVariables(network: PodNetwork | undefined, names: readonly string[]): Record<string, string> {
  if (network === undefined) return {};
  const direct = [
    "localhost",
    "127.0.0.1",
    "::1",
    ".svc",
    ".cluster.local",
    network.services,
    network.pods,
    ...names,
  ].join(",");
  const entries = [
    ["HTTP_PROXY", network.proxy],
    ["HTTPS_PROXY", network.proxy],
    ["NO_PROXY", direct],
  ] as const;
  return Object.fromEntries(
    entries.flatMap(([name, value]) => [
      [name, value],
      [name.toLowerCase(), value],
    ]),
  );
}

/**
 * How the step runs in a warm interpreter, if it may: the pod's annotation must describe exactly the command that the pod has
 * now, so that an edited pod takes the ordinary path. `words` are the command and its arguments with variables expanded.
 */
export function warmEntry(
  pod: Pod,
  container: Container,
  words: readonly string[],
  environment: Environment,
): ContainerSpec["warm"] {
  const text = pod.metadata.annotations?.[warmEntryAnnotation];
  if (text === undefined || !environment.warm.ok || environment.cell === undefined) return undefined;
  if (pod.metadata.annotations?.[warmAnnotation] === "never") return undefined;
  const entry = parseEntry(text);
  if (entry === undefined || entry.commandDigest !== commandDigest(container)) return undefined;
  const source = words[entry.sourceIndex];
  if (source === undefined || hidesEnvironment(container, environment)) return undefined;
  return { entry: entry.kind, source, arguments: words.slice(entry.argumentsIndex) };
}

/** Whether the container runs KFP's executor, which makes the folders of all that it writes by itself. */
export function makesItsFolders(pod: Pod, container: Container): boolean {
  const entry = parseEntry(pod.metadata.annotations?.[warmEntryAnnotation] ?? "{}");
  return entry?.commandDigest === commandDigest(container);
}

function parseEntry(text: string): WarmEntry | undefined {
  try {
    const entry: WarmEntry = JSON.parse(text);
    const sound =
      entry.kind === "kfp-executor" &&
      Number.isInteger(entry.sourceIndex) &&
      Number.isInteger(entry.argumentsIndex) &&
      entry.argumentsIndex >= 0;
    return sound ? entry : undefined;
  } catch {
    return undefined;
  }
}

export function commandDigest(container: Pick<Container, "command" | "args">): string {
  return createHash("sha256")
    .update(JSON.stringify([...(container.command ?? []), ...(container.args ?? [])]))
    .digest("hex");
}

/** A volume over the interpreter's own files would change what it imports, and the warm one has imported already. */
function hidesEnvironment(container: Container, environment: Environment): boolean {
  const own = ["/usr", "/lib", "/lib64", environment.cell?.path ?? "/usr", ...(environment.cell?.trees ?? [])];
  return (container.volumeMounts ?? []).some(({ mountPath }) =>
    own.some((path) => within(path, mountPath) || within(mountPath, path)),
  );
}

function within(path: string, parent: string): boolean {
  return path === parent || path.startsWith(parent.endsWith("/") ? parent : `${parent}/`);
}

/** Command and arguments with `$(NAME)` replaced; an image's own command where the pod names none. */
export function expandedWords(
  container: Container,
  variables: Readonly<Record<string, string>>,
  environment: Environment,
): string[] {
  const words = [...(container.command ?? []), ...(container.args ?? [])].map((word) => expand(word, variables));
  if (words.length > 0) return words;
  return environment.cell === undefined ? ["/bin/sh"] : ["python3"];
}

function hostname(pod: Pod): string {
  const name = (pod.spec.hostname || pod.metadata.name || "pod").slice(0, 63);
  return name.replace(/[^A-Za-z0-9]+$/, "");
}

function userAndGroup(pod: Pod, container: Container): { uid: number; gid: number } {
  const [own, shared] = [container.securityContext, pod.spec.securityContext];
  const uid = own?.runAsUser ?? shared?.runAsUser ?? 0;
  if (uid === 0 && (own?.runAsNonRoot ?? shared?.runAsNonRoot) === true) {
    throw new ContainerConfigError(
      "CreateContainerConfigError",
      "container has runAsNonRoot and image will run as root: set securityContext.runAsUser",
    );
  }
  return { uid, gid: own?.runAsGroup ?? shared?.runAsGroup ?? 0 };
}

function environmentMounts(environment: Environment, layerDirectory: string | undefined): Mount[] {
  const { cell, layer } = environment;
  if (cell === undefined) return [];
  const trees = [cell.path, ...cell.trees].map((path): Mount => ({
    kind: "bind",
    source: path,
    target: path,
    readOnly: true,
  }));
  if (layer === undefined || layerDirectory === undefined) return trees;
  return [...trees, { kind: "bind", source: layerDirectory, target: layer.target, readOnly: false }];
}

/** Parents before what is mounted within them; of two at one place the later one wins. */
function orderMounts(mounts: readonly Mount[]): Mount[] {
  const byTarget = new Map(mounts.map((mount) => [mount.target.replace(/(.)\/+$/, "$1"), mount] as const));
  return [...byTarget]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([target, mount]) => ({ ...mount, target }));
}

function limitsOf(container: Container): Limits {
  const { limits, requests } = container.resources ?? {};
  const memory = quantity(limits?.["memory"]);
  const cpu = quantity(limits?.["cpu"]);
  const cpuRequest = quantity(requests?.["cpu"]);
  return {
    ...(memory !== undefined && { memoryBytes: Math.max(4096, Math.floor(memory)) }),
    ...(cpu !== undefined && { cpuMillis: Math.max(1, Math.ceil(cpu * 1000)) }),
    ...(cpuRequest !== undefined && { cpuRequestMillis: Math.ceil(cpuRequest * 1000) }),
    processes,
    sharedMemoryBytes,
    ephemeralBytes: Math.max(4096, Math.floor(quantity(limits?.["ephemeral-storage"]) ?? ephemeralBytes)),
  };
}
