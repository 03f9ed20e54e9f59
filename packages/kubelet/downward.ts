import type { Container, Pod, ResourceFieldSelector } from "@headrace/k8s";
import { ContainerConfigError } from "./errors.ts";
import { quantity } from "./quantities.ts";
import type { NodeFacts } from "./variables.ts";

/** The value of a downward API field such as `metadata.labels['app']`. Throws ContainerConfigError for paths it does not know. */
export function fieldValue(pod: Pod, path: string, facts: NodeFacts): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed?.[2] !== undefined) {
    return (keyed[1] === "labels" ? metadata.labels : metadata.annotations)?.[keyed[2]] ?? "";
  }
  switch (path) {
    case "metadata.name":
      return metadata.name ?? "";
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.uid":
      return metadata.uid ?? "";
    case "metadata.labels":
      return keyValueLines(metadata.labels);
    case "metadata.annotations":
      return keyValueLines(metadata.annotations);
    case "spec.nodeName":
      return facts.nodeName;
    case "spec.serviceAccountName":
      return spec.serviceAccountName ?? "default";
    case "status.hostIP":
    case "status.hostIPs":
      return facts.hostIP;
    case "status.podIP":
    case "status.podIPs":
      if (facts.podIP !== undefined) return facts.podIP;
      throw new ContainerConfigError(
        "CreateContainerConfigError",
        `fieldRef ${path} is not known before the pod's first container has started; ask for it in a container that starts later, or look at /etc/hosts`,
      );
    default:
      throw new ContainerConfigError("CreateContainerConfigError", `fieldRef ${path} is not supported`);
  }
}

function keyValueLines(values: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(values ?? {})
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

/** A container's limit or request in units of the divisor, rounded up; a limit that is not set is what the node has to give. */
export function resourceValue(
  pod: Pod,
  own: Container | undefined,
  selector: ResourceFieldSelector,
  facts: NodeFacts,
): string {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const container = selector.containerName ? all.find(({ name }) => name === selector.containerName) : own;
  const [list, ...rest] = selector.resource.split(".");
  const name = rest.join(".");
  const { limits, requests } = container?.resources ?? {};
  const text = list === "requests" ? (requests?.[name] ?? limits?.[name]) : (limits?.[name] ?? facts.allocatable[name]);
  const divisor = quantity(selector.divisor) || 1;
  return String(Math.ceil((quantity(text) ?? 0) / divisor));
}
