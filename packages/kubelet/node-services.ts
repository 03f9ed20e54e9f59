import type { ArtifactStore } from "@headrace/artifacts";
import type { ResourceClient } from "@headrace/client";
import type { Environments } from "@headrace/environments";
import type { Pod } from "@headrace/k8s";
import type { Clock, ImageMappingSpec, ObjectKey, StepIO, StepReport, User } from "@headrace/model";
import type { EventRecorder } from "@headrace/runtime";
import type { Sandbox } from "@headrace/sandbox";
import type { PodDirectories } from "./pod-directories.ts";
import type { NodeFacts, References } from "./variables.ts";
import type { VolumeContext } from "./volumes.ts";

/** What all pods of a node share. */
export interface NodeServices {
  readonly pods: ResourceClient<Pod>;
  readonly sandbox: Sandbox;
  readonly environments: Environments;
  readonly artifacts: ArtifactStore;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly references: References;
  readonly volumes: VolumeContext;
  readonly nodeFacts: Omit<NodeFacts, "podIP">;
  readonly podsDirectory: string;
  readonly memoryDirectory: string | undefined;
  readonly directories: PodDirectories;
  readonly report: (path: string, report: StepReport, user: User) => Promise<void>;
  /** Why this pod may not use the artifacts that it names; undefined if it may. */
  readonly authorizeStep: (pod: Pod, step: StepIO) => Promise<string | undefined>;
  readonly imageMappings: () => readonly ImageMappingSpec[];
  /** `KUBERNETES_SERVICE_HOST` and what else every container of a namespace gets. */
  readonly serviceVariables: (namespace: string) => Readonly<Record<string, string>>;
  readonly hosts: (pod: Pod) => readonly { readonly address: string; readonly names: readonly string[] }[];
  /** Called with what a pod's first container printed last, before its directory is removed. */
  readonly archiveLog: (pod: ObjectKey, log: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** Aborts when the node agent stops; containers go on. */
  readonly signal: AbortSignal;
}
