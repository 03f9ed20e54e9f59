import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Environment, EnvironmentError } from "@headrace/environments";
import type { Container, Pod } from "@headrace/k8s";
import { environmentAnnotation, type EnvironmentRequest, type StepIO, warmEntryAnnotation } from "@headrace/model";
import type { ContainerSpec, Mount } from "@headrace/sandbox";
import { containerSpec, expandedWords, imageVariables, tenantOf, warmEntry } from "./container-spec.ts";
import type { NodeServices } from "./node-services.ts";
import { messageName, scratchName } from "./pod-directories.ts";
import { stepMounts } from "./step.ts";
import { containerVariables, type NodeFacts } from "./variables.ts";
import type { PodVolumes } from "./volumes.ts";

/** What a container needs to know of its pod before it can start. */
export interface Preparation {
  readonly services: NodeServices;
  readonly pod: Pod;
  /** Of the pod. */
  readonly directory: string;
  readonly container: Container;
  readonly restarts: number;
  /** Set for the container that is the step. */
  readonly step: StepIO | undefined;
  readonly volumes: PodVolumes;
  readonly facts: NodeFacts;
  readonly logPath: string;
  readonly signal: AbortSignal;
  readonly onProgress: (message: string) => void;
  readonly onWarning: (reason: string, message: string) => void;
}

export const layersName = ".layers";

/** Gathers, side by side, everything that has to be known before a container starts, and makes what it mounts. */
export async function prepareContainer(parts: Preparation): Promise<{ spec: ContainerSpec; environment: Environment }> {
  const { services, pod, container, step } = parts;
  const [{ environment, complete }, artifacts] = await Promise.all([
    resolveImage(parts),
    step && stepMounts(step, join(parts.directory, scratchName), services.artifacts.in(pod.metadata.namespace ?? "")),
  ]);
  for (const uri of artifacts?.missing ?? []) {
    parts.onWarning("ArtifactMissing", `Nothing is stored at ${uri}: the step finds no file there`);
  }
  const { variables, warm } = await chooseEntry(parts, environment, complete);
  const spec = containerSpec({
    pod,
    container,
    restarts: parts.restarts,
    environment,
    variables,
    warm,
    layerDirectory: warm === undefined ? createLayer(parts, environment) : undefined,
    mounts: [terminationMount(parts), ...parts.volumes.mounts(container, variables), ...(artifacts?.mounts ?? [])],
    logPath: parts.logPath,
    hosts: [
      ...(pod.spec.hostAliases ?? []).map(({ ip, hostnames }) => ({ address: ip, names: hostnames ?? [] })),
      ...services.hosts(pod),
    ],
  });
  return { spec, environment };
}

/** Warm if the step may be; the variables differ, since a warm interpreter has no writable layer. */
async function chooseEntry(
  parts: Preparation,
  environment: Environment,
  complete: boolean,
): Promise<{ variables: Record<string, string>; warm: ContainerSpec["warm"] }> {
  const { pod, container, step } = parts;
  const annotated = pod.metadata.annotations?.[warmEntryAnnotation] !== undefined;
  if (step !== undefined && complete && annotated && environment.warm.ok) {
    const variables = await variablesOf(parts, environment, { withLayer: false });
    const warm = warmEntry(pod, container, expandedWords(container, variables, environment), environment);
    if (warm !== undefined) return { variables, warm };
  }
  return { variables: await variablesOf(parts, environment, { withLayer: true }), warm: undefined };
}

function variablesOf(
  { services, pod, container, facts }: Preparation,
  environment: Environment,
  { withLayer }: { withLayer: boolean },
): Promise<Record<string, string>> {
  const given = {
    ...imageVariables(pod, container, environment, withLayer),
    ...services.serviceVariables(pod.metadata.namespace ?? ""),
  };
  return containerVariables(pod, container, given, facts, services.references);
}

/**
 * The image with the packages that the step's prelude will ask pip for. If they cannot be had, the step runs without: then its
 * own pip says why, in its log, as it would anywhere.
 */
async function resolveImage(parts: Preparation): Promise<{ environment: Environment; complete: boolean }> {
  const { services, pod, container } = parts;
  const packages = readPackages(pod);
  const request = {
    image: container.image ?? "",
    mappings: services.imageMappings(),
    tenant: tenantOf(pod),
    signal: parts.signal,
    onProgress: parts.onProgress,
  };
  if (packages === undefined) return { environment: await services.environments.resolve(request), complete: true };
  try {
    return { environment: await services.environments.resolve({ ...request, packages }), complete: true };
  } catch (error) {
    const forgivable = error instanceof EnvironmentError && (error.code === "build-failed" || error.code === "refused");
    if (!forgivable || parts.signal.aborted) throw error;
    parts.onWarning("EnvironmentIncomplete", `${error.message}\nThe step runs without and installs them by itself`);
    return { environment: await services.environments.resolve(request), complete: false };
  }
}

function readPackages(pod: Pod): EnvironmentRequest | undefined {
  const text = pod.metadata.annotations?.[environmentAnnotation];
  if (text === undefined) return undefined;
  try {
    const request: EnvironmentRequest = JSON.parse(text);
    return Array.isArray(request.installs) ? request : undefined;
  } catch {
    return undefined;
  }
}

/** Fresh for each instance, as an image's own file system would be. */
function createLayer(parts: Preparation, environment: Environment): string | undefined {
  if (environment.layer === undefined) return undefined;
  const directory = join(parts.directory, layersName, `${parts.container.name}-${parts.restarts}`);
  if (existsSync(directory)) rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  environment.layer.create(directory);
  return directory;
}

function terminationMount({ directory, container }: Preparation): Mount {
  const target = container.terminationMessagePath || "/dev/termination-log";
  const source = join(directory, messageName(container.name));
  writeFileSync(source, "", { mode: 0o666 });
  return { kind: "bind", source, target, readOnly: false };
}
