import type { Container, ResourceRequirements } from "./container.ts";
import type { Pod } from "./pod.ts";
import type { PodSpec, PodTemplateSpec } from "./pod-spec.ts";
import { qosClass } from "./pod-resources.ts";
import type { Volume } from "./volume.ts";

/** What a new or changed pod gets beyond its schema's defaults. A new pod is Pending. */
export function preparePod(pod: Pod, old: Pod | undefined): Pod {
  const serviceAccountName = pod.spec.serviceAccountName || pod.spec.serviceAccount || "default";
  const spec = preparePodSpec({ ...priorityOf(pod, old), ...pod.spec, serviceAccountName });
  return old ? { ...pod, spec } : { ...pod, spec, status: { phase: "Pending", qosClass: qosClass(spec) } };
}

/** What a pod keeps from before, or has if it is new and names no class. */
function priorityOf(pod: Pod, old: Pod | undefined): Pick<PodSpec, "priority" | "preemptionPolicy"> {
  if (!old) return pod.spec.priorityClassName ? {} : { priority: 0, preemptionPolicy: "PreemptLowerPriority" };
  const { priority, preemptionPolicy } = old.spec;
  return { ...(priority !== undefined && { priority }), ...(preemptionPolicy && { preemptionPolicy }) };
}

/** The same for the template of a controller, which knows neither account nor priority yet. */
export function preparePodTemplate(template: PodTemplateSpec): PodTemplateSpec {
  return { ...template, spec: preparePodSpec(template.spec) };
}

function preparePodSpec(spec: PodSpec): PodSpec {
  const account = spec.serviceAccountName || spec.serviceAccount;
  const complete = (container: Container): Container => prepareContainer(container, spec.hostNetwork ?? false);
  return {
    ...spec,
    containers: spec.containers.map(complete),
    ...(spec.initContainers && { initContainers: spec.initContainers.map(complete) }),
    ...(spec.volumes && { volumes: spec.volumes.map(prepareVolume) }),
    ...(account && { serviceAccountName: account, serviceAccount: account }),
  };
}

function prepareContainer(container: Container, hostNetwork: boolean): Container {
  return {
    ...container,
    imagePullPolicy: container.imagePullPolicy ?? defaultPullPolicy(container.image ?? ""),
    ...(container.resources?.limits && { resources: withRequests(container.resources) }),
    ...(hostNetwork &&
      container.ports && { ports: container.ports.map((port) => ({ hostPort: port.containerPort, ...port })) }),
  };
}

/** `latest`, said or not, is pulled always; anything pinned by tag or digest only when it isn't there. */
function defaultPullPolicy(image: string): "Always" | "IfNotPresent" {
  if (image.includes("@")) return "IfNotPresent";
  const tag = image.slice(image.lastIndexOf("/") + 1).split(":")[1];
  return tag === undefined || tag === "latest" ? "Always" : "IfNotPresent";
}

/** What is limited but not requested is requested at its limit. */
function withRequests(resources: ResourceRequirements): ResourceRequirements {
  return { ...resources, requests: { ...resources.limits, ...resources.requests } };
}

/** A volume that names no source is an empty directory. */
function prepareVolume(volume: Volume): Volume {
  return Object.keys(volume).length === 1 ? { ...volume, emptyDir: {} } : volume;
}
