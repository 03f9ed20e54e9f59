import {
  environmentAnnotation,
  type StepIO,
  stepIOAnnotation,
  uuidPattern,
  warmEntryAnnotation,
} from "@headrace/model";
import type { EnvVar, Pod, ResourceRequirements } from "@headrace/k8s";
import { type ExecutorInput, isInWorkspace, needsDirectory, parameterFile, scratch } from "./executor-input.ts";
import { PipelineFault } from "./errors.ts";
import type { Component, ContainerExecutor } from "./ir.ts";
import { fillCommand, fillText, localPath, type RunFacts, type TaskNames } from "./placeholders.ts";
import { noSettings, type PodSettings, readSettings, type Resolve } from "./kubernetes-settings.ts";
import { recognise } from "./recognise.ts";
import { type SharedFolder, withSharedFolders } from "./shared-folders.ts";
import { shareOut, type TaskConfig, withTaskConfig } from "./task-config.ts";
import { mountWorkspace, needsWorkspace } from "./workspace-mount.ts";

/** Dropped by the engine once it has recorded how the step ended. */
export const stepFinalizer = "headrace.io/step";
export const runLabel = "headrace.io/run";
export const taskLabel = "headrace.io/task";
export const attemptLabel = "headrace.io/attempt";

/** One try of a step, with all that its pod depends on. */
export interface AttemptPlan {
  readonly namespace: string;
  readonly run: RunFacts;
  readonly pipelineName: string;
  readonly serviceAccount: string;
  readonly task: TaskNames & { readonly rowId: number; readonly displayName: string };
  readonly n: number;
  readonly component: Component;
  readonly executor: ContainerExecutor;
  readonly input: ExecutorInput;
  /** URI beneath which this attempt's artifacts go. */
  readonly directory: string;
  /** Reads what the platform settings take from the DAG around the step. */
  readonly resolve: Resolve;
  /** Folders of the host that steps see at the same path. */
  readonly sharedFolders?: readonly SharedFolder[];
  /** URI that what it prints is copied to; absent if that is no artifact. */
  readonly log?: string;
  /** The claim of the run's workspace, if its pipeline has one. */
  readonly workspaceClaim?: string;
}

/** Inputs that are mounted one by one. A step can have a hundred mounts, and its pod annotations of 256 KiB. */
const mountedAlone = 50;
/** Mounts for inputs, at most. */
const maxInputMounts = 90;

/** Bytes of an output parameter, and of the file that holds all outputs of a Python step. */
const parameterLimit = 1024 * 1024;
const metadataLimit = 8 * 1024 * 1024;

/**
 * The pod of an attempt: always the same for the same attempt, with every placeholder filled in. Throws PipelineFault, or ApiError
 * BadRequest for platform settings that make no sense.
 */
export function podOf(asked: AttemptPlan): Pod {
  const lists = [...asked.component.inputs.artifacts].filter(([, { list }]) => list).map(([name]) => name);
  const plan = { ...asked, task: { ...asked.task, lists: new Set(lists) } };
  const { kubernetes } = plan.executor;
  const settings = kubernetes ? readSettings(kubernetes, plan.resolve) : noSettings;
  const { onPod, handedOn } = shareOut(plan.component, configOf(plan, settings));
  const input = withTaskConfig(plan.component, plan.input, handedOn);
  return withSharedFolders(assemble({ ...plan, input }, settings, onPod), plan.sharedFolders ?? []);
}

/** All that a component could ask to have handed on, its own pod's or not. */
function configOf(plan: AttemptPlan, settings: PodSettings): TaskConfig {
  const { affinity, tolerations, nodeSelector, volumes, mounts } = settings;
  const resources = resourcesOf(plan);
  const config = {
    ...(affinity && { affinity }),
    tolerations,
    ...(nodeSelector && { nodeSelector }),
    env: [...environmentOf(plan), ...settings.env],
    volumes,
    volumeMounts: mounts,
    ...(resources && { resources }),
  };
  if (plan.workspaceClaim === undefined || !needsWorkspace(plan.input)) return config;
  return mountWorkspace(config, [...mounts, ...settings.ownMounts], plan.workspaceClaim);
}

function assemble(plan: AttemptPlan, settings: PodSettings, config: Partial<TaskConfig>): Pod {
  const { executor, input, run, task } = plan;
  const command = fillCommand(executor.command, input, run, task);
  const args = fillCommand(executor.args, input, run, task);
  const recognised = recognise(command, args);
  const { env = [], tolerations = [], nodeSelector, affinity, resources } = config;
  const volumes = [...(config.volumes ?? []), ...settings.ownVolumes];
  const volumeMounts = [...(config.volumeMounts ?? []), ...settings.ownMounts];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: podName(run.resourceName, task.name, task.rowId, plan.n),
      namespace: plan.namespace,
      labels: {
        ...settings.labels,
        "pipeline/runid": run.id,
        "pipelines.kubeflow.org/v2_component": "true",
        [runLabel]: run.id,
        [taskLabel]: String(task.rowId),
        [attemptLabel]: String(plan.n),
      },
      annotations: {
        ...settings.annotations,
        "pipelines.kubeflow.org/run_name": run.displayName,
        "pipelines.kubeflow.org/task_display_name": task.displayName,
        [stepIOAnnotation]: JSON.stringify(stepIOOf(plan)),
        ...(recognised && {
          [warmEntryAnnotation]: JSON.stringify(recognised.entry),
          [environmentAnnotation]: JSON.stringify(recognised.environment),
        }),
      },
      finalizers: [stepFinalizer],
    },
    spec: {
      restartPolicy: "Never",
      serviceAccountName: plan.serviceAccount,
      ...settings.podSpec,
      ...(volumes.length > 0 && { volumes }),
      ...(nodeSelector && { nodeSelector }),
      ...(tolerations.length > 0 && { tolerations }),
      ...(affinity && { affinity }),
      containers: [
        {
          name: "main",
          image: fillText(executor.image, input, run, task),
          ...settings.container,
          ...(command.length > 0 && { command }),
          ...(args.length > 0 && { args }),
          ...(env.length > 0 && { env }),
          ...(resources && { resources }),
          ...(volumeMounts.length > 0 && { volumeMounts }),
        },
      ],
    },
  };
}

function environmentOf({ executor, input, run, task }: AttemptPlan): readonly EnvVar[] {
  return executor.env.map(({ name, value }) => ({ name, value: fillText(value, input, run, task) }));
}

function resourcesOf({ executor, input, run, task }: AttemptPlan): ResourceRequirements | undefined {
  const fill = (text: string | undefined) => (text === undefined ? undefined : fillText(text, input, run, task));
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit, accelerator } = executor.resources;
  const requests = quantities({ cpu: fill(cpuRequest), memory: fill(memoryRequest) });
  const kind = fill(accelerator?.type) ?? "";
  const limits = quantities({
    cpu: fill(cpuLimit),
    memory: fill(memoryLimit),
    ...(kind && { [kind]: fill(accelerator?.count) }),
  });
  if (!requests && !limits) return undefined;
  return { ...(requests && { requests }), ...(limits && { limits }) };
}

function quantities(values: Readonly<Record<string, string | undefined>>): Record<string, string> | undefined {
  const present = Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return present.length > 0 ? Object.fromEntries(present) : undefined;
}

/** `<run>-<task>-<row id>-<attempt>`: at most 63 characters, so that it can be a host name. */
export function podName(resourceName: string, task: string, rowId: number, n: number): string {
  const tail = `-${rowId}-${n}`;
  const room = 63 - tail.length;
  const name = `${dnsLabel(resourceName).slice(0, Math.floor(room / 2))}-${dnsLabel(task)}`.slice(0, room);
  return `${name.replace(/-+$/, "")}${tail}`.replace(/^-+/, "");
}

const dnsLabel = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");

/** Path on the gateway to which a step's end is reported. */
export const reportPattern = "/headrace/steps/{run}/{task}/{attempt}/report";

export function reportPath(run: string, task: number, n: number): string {
  return `/headrace/steps/${run}/${task}/${n}/report`;
}

function stepIOOf({ run, task, n, component, input, directory, log }: AttemptPlan): StepIO {
  const readable = readPlaces(task.name, input);
  const outputs = Object.values(input.outputs.artifacts).flatMap(({ artifacts }) => artifacts);
  const metadata = input.outputs.outputFile;
  return {
    artifacts: [
      ...[...readable].map(([path, uri]) => ({ path, uri, mode: "read" as const })),
      ...(needsDirectory(component) ? [{ path: localPath(directory), uri: directory, mode: "write" as const }] : []),
    ],
    scratch,
    files: [
      { path: metadata, limit: metadataLimit },
      ...[...component.outputs.parameters.keys()].map((name) => ({ path: parameterFile(name), limit: parameterLimit })),
    ],
    outputs: outputs.map(({ name, uri }) => ({
      name,
      uri,
      elsewhere: { file: metadata, pointer: `/artifacts/${escapePointer(name)}/artifacts/0/custom_path` },
    })),
    ...(log !== undefined && { log }),
    report: reportPath(run.id, task.rowId, n),
  };
}

/** By path, the places that the step's inputs are read from. Throws PipelineFault where there are too many. */
function readPlaces(task: string, input: ExecutorInput): ReadonlyMap<string, string> {
  const inputs = Object.values(input.inputs.artifacts).flatMap(({ artifacts }) => artifacts);
  const uris = new Set(inputs.filter((artifact) => !isInWorkspace(artifact)).map(({ uri }) => uri));
  const mounted = [...uris].filter((uri) => isMounted(localPath(uri)));
  const places = mounted.length > mountedAlone ? new Set(mounted.map(runFolder)) : mounted;
  const found = new Map([...places].map((uri) => [localPath(uri), uri]));
  if (found.size <= maxInputMounts) return found;
  throw new PipelineFault(
    `Cannot hand ${mounted.length} input artifacts to "${task}": they lie in ${found.size} places, and a step can read from ${maxInputMounts}; collect them in several steps`,
  );
}

/** The run's directory that an artifact lies in, if it lies where its step was told to put it; else its own place. */
const runFolder = (uri: string): string => belowRun.exec(uri)?.[1] ?? uri;

const belowRun = new RegExp(`^(.+/${uuidPattern})(?:/[^/]+){3}$`);

/** A name as a token of a JSON pointer (RFC 6901). */
const escapePointer = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** Only what has a place of its own in the container is mounted; a web address is left to the step. */
const isMounted = (path: string): boolean => path.startsWith("/");
