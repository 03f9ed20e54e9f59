import type { ResourceClient } from "@headrace/client";
import type { ContainerStatus, Event, PersistentVolumeClaim, Pod } from "@headrace/k8s";
import { findCondition, type KubeObject, type ObjectRef, type Reason } from "@headrace/model";
import type { StorageView } from "./controllers/storage-view.ts";
import { isInUseBy } from "./core/pod-claims.ts";

/** What is asked of the events of a namespace. */
type Events = Pick<ResourceClient<Event>, "list">;

/** Why a pod or a claim waits or failed. Says nothing of other kinds, and nothing of what is well. */
export function createExplain(
  { pods, claims, podsWith }: StorageView,
  events: Events,
): (ref: ObjectRef) => Promise<readonly Reason[]> {
  return async (ref) => {
    if (ref.kind === "PersistentVolumeClaim") {
      const claim = claims.get(ref);
      return claim ? explainClaim(claim, podsWith(ref), events) : [];
    }
    const pod = ref.kind === "Pod" ? pods.get(ref) : undefined;
    if (!pod) return [];
    const reasons = explainPod(pod);
    return reasons.length > 0 || pod.status?.phase !== "Pending" ? reasons : lastWarning(pod, events);
  };
}

async function explainClaim(
  claim: PersistentVolumeClaim,
  users: readonly Pod[],
  events: Events,
): Promise<readonly Reason[]> {
  if (claim.metadata.deletionTimestamp !== undefined) {
    const names = users.filter(isInUseBy).map(({ metadata }) => metadata.name);
    return [{ summary: `The claim is being deleted, once these pods have ended: ${names.join(", ") || "none"}` }];
  }
  if (claim.status?.phase === "Lost")
    return [
      {
        summary: `The claim has lost its volume "${claim.spec.volumeName}", and what was in it`,
        remedy: "Delete the claim and make a new one",
      },
    ];
  if (claim.status?.phase === "Bound") return [];
  const said = await lastEvent(claim, events, "");
  const summary = `The claim waits for a volume${said === undefined ? "" : `: ${said.reason}${tail(said.message)}`}`;
  const { storageClassName: name } = claim.spec;
  return /^storageclass\S* ".*" not found/.test(said?.message ?? "")
    ? [
        {
          summary,
          remedy: `Make a StorageClass "${name}" with \`provisioner: local.headrace.io\`, or name one of \`kubectl get sc\``,
        },
      ]
    : [{ summary }];
}

/** Of a pod that its node has and that does not start (volumes, for one), only the events say why. */
async function lastWarning(pod: Pod, events: Events): Promise<readonly Reason[]> {
  const last = await lastEvent(pod, events, ",type=Warning");
  return last === undefined ? [] : [{ summary: `The pod waits: ${last.reason}${tail(last.message)}` }];
}

async function lastEvent({ metadata }: KubeObject, events: Events, more: string): Promise<Event | undefined> {
  const { namespace = "", uid = "" } = metadata;
  const { items } = await events.list({ namespace, fieldSelector: `involvedObject.uid=${uid}${more}` });
  return items
    .toSorted((one, other) => Date.parse(one.lastTimestamp ?? "") - Date.parse(other.lastTimestamp ?? ""))
    .at(-1);
}

/** Pure. */
export function explainPod(pod: Pod): readonly Reason[] {
  const { metadata, spec, status } = pod;
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return [
    ...(metadata.deletionTimestamp === undefined ? [] : [whyDeleting(pod)]),
    ...whyUnscheduled(pod),
    ...((spec.schedulingGates ?? []).length > 0 && !spec.nodeName
      ? [
          {
            summary: `The pod is held back by its scheduling gates: ${spec.schedulingGates?.map(({ name }) => name).join(", ")}`,
          },
        ]
      : []),
    ...(status?.phase === "Failed" && status.reason !== undefined
      ? [{ summary: `The pod failed: ${status.reason}${status.message === undefined ? "" : `: ${status.message}`}` }]
      : []),
    ...statuses.flatMap(explainContainer),
  ];
}

function whyDeleting({ metadata }: Pod): Reason {
  const held = metadata.finalizers ?? [];
  if (held.length === 0) return { summary: "The pod is being deleted and its containers are ending" };
  return { summary: `The pod is being deleted and waits for ${held.join(", ")} to let it go` };
}

function whyUnscheduled({ spec, status }: Pod): readonly Reason[] {
  const scheduled = findCondition(status?.conditions, "PodScheduled");
  if (spec.nodeName || scheduled?.status !== "False") return [];
  const { message = "" } = scheduled;
  const summary = `The pod waits for a node: ${message}`;
  const remedy = remedies.find(([pattern]) => pattern.test(message))?.[1];
  return [remedy === undefined ? { summary } : { summary, remedy }];
}

const remedies: readonly (readonly [RegExp, string])[] = [
  [/Too many pods/, "It starts by itself when another pod ends; nothing needs to be done"],
  [
    /Insufficient/,
    "Lower resources.requests of its containers to what the node has (`kubectl describe node`), or end pods that hold them",
  ],
  [/node affinity\/selector/, "Remove its nodeSelector, or label the node as it asks (`kubectl label node`)"],
  [/were unschedulable/, "Allow pods on the node again: `kubectl uncordon`"],
  [/not-ready|no nodes available/, "The node is not ready: `headrace doctor` says what this machine lacks"],
  [/untolerated taint/, "Add a toleration to the pod, or remove the taint from the node (`kubectl taint`)"],
  [
    /persistentvolumeclaim ".*" not found/,
    "Create the claim (`kubectl apply`), or name one that there is: `kubectl get pvc`",
  ],
  [/unbound immediate|available persistent volumes/, "`kubectl describe pvc` says what its claims wait for"],
  [/ReadWriteOncePod/, "It starts by itself when the pod that has the claim ends"],
  [/affinity to other pods/, "Remove the required podAffinity or podAntiAffinity: there is one node here"],
];

function explainContainer({ name, state, lastState, restartCount }: ContainerStatus): readonly Reason[] {
  const { waiting, terminated } = state ?? {};
  if (waiting?.reason !== undefined && !["ContainerCreating", "PodInitializing"].includes(waiting.reason)) {
    const last = lastState?.terminated;
    const ended = last ? ` (it last ended with exit code ${last.exitCode}, ${restartCount} restarts so far)` : "";
    return [{ summary: `Container ${name} waits: ${waiting.reason}${tail(waiting.message)}${ended}` }];
  }
  if (terminated && terminated.exitCode !== 0) {
    const summary = `Container ${name} ended with exit code ${terminated.exitCode} (${terminated.reason ?? "Error"})${tail(terminated.message)}`;
    return terminated.reason === "OOMKilled"
      ? [{ summary, remedy: "Raise resources.limits.memory of the container" }]
      : [{ summary }];
  }
  return [];
}

function tail(message: string | undefined): string {
  return message === undefined || message === "" ? "" : `: ${message}`;
}
