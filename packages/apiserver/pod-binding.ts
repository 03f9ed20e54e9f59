import { boundPod, type Binding, type Pod } from "@headrace/k8s";
import { conflict, type Clock, type ObjectMeta, type ResourceDefinition } from "@headrace/model";
import type { SubresourceHandler } from "./options.ts";
import { success } from "./statuses.ts";

/** `pods/binding`: the scheduler says which node a pod goes to. It can be said once. */
export function bindPod(clock: Clock): SubresourceHandler {
  return async ({ body, definition, key, update }) => {
    const { target, metadata } = (await body()) as Binding;
    await update((object) => {
      const pod = object as Pod;
      refuseIfSettled(pod, key.name, definition);
      return boundPod(annotated(pod, metadata?.annotations), target.name ?? "", clock.now());
    });
    return { status: 201, value: success(201) };
  };
}

function refuseIfSettled({ spec, metadata }: Pod, name: string, definition: ResourceDefinition): void {
  const binding = { ...definition, plural: "pods/binding" };
  if (metadata.deletionTimestamp)
    throw conflict(binding, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  if (spec.nodeName) throw conflict(binding, name, `pod ${name} is already assigned to node "${spec.nodeName}"`);
}

function annotated(pod: Pod, annotations: ObjectMeta["annotations"]): Pod {
  if (annotations === undefined) return pod;
  return { ...pod, metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, ...annotations } } };
}
