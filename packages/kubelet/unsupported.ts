import type { Container, Pod, Probe } from "@headrace/k8s";
import { UnsupportedError } from "./errors.ts";

/** Ids beyond this do not fit into the range that a sandbox maps. */
const highestId = 65_535;

/** Throws UnsupportedError for the first thing in the pod that this node would otherwise have to ignore. */
export function refuseUnsupported(pod: Pod): void {
  const { spec } = pod;
  for (const field of ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] as const) {
    if (spec[field] === true)
      throw new UnsupportedError(
        `spec.${field}`,
        "is not there on this node",
        "Remove it: containers of a pod share network and hostname",
      );
  }
  if (spec.os?.name !== undefined && spec.os.name !== "linux")
    throw new UnsupportedError("spec.os.name", `is ${spec.os.name}`, "This node runs linux");
  if (spec.runtimeClassName)
    throw new UnsupportedError(
      "spec.runtimeClassName",
      `is ${spec.runtimeClassName}`,
      "This node has one runtime: remove it",
    );
  if ((spec.ephemeralContainers ?? []).length > 0)
    throw new UnsupportedError("spec.ephemeralContainers", "are not there on this node", "Use a pod of its own");
  if ((spec.securityContext?.sysctls ?? []).length > 0)
    throw new UnsupportedError("spec.securityContext.sysctls", "are not there on this node", "Remove them");
  for (const list of ["initContainers", "containers"] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) refuseContainer(pod, container, list, index);
  }
}

function refuseContainer(pod: Pod, container: Container, list: "initContainers" | "containers", index: number): void {
  const field = `spec.${list}[${index}]`;
  const security = container.securityContext;
  if (security?.privileged === true)
    throw new UnsupportedError(`${field}.securityContext.privileged`, "is not allowed on this node", "Remove it");
  if ((security?.capabilities?.add ?? []).length > 0) {
    throw new UnsupportedError(
      `${field}.securityContext.capabilities.add`,
      "asks for privileges, and containers have none here",
      "Remove it",
    );
  }
  if ((container.volumeDevices ?? []).length > 0)
    throw new UnsupportedError(`${field}.volumeDevices`, "are not there on this node", "Use volumeMounts");
  for (const hook of ["postStart", "preStop"] as const) {
    const handler = container.lifecycle?.[hook];
    if (handler !== undefined && handler.exec === undefined && handler.sleep === undefined) {
      throw new UnsupportedError(`${field}.lifecycle.${hook}`, "asks over the network", "Use exec or sleep");
    }
  }
  for (const name of ["livenessProbe", "readinessProbe", "startupProbe"] as const)
    refuseProbe(container[name], `${field}.${name}`);
  const ids: readonly (readonly [string, number | undefined])[] = [
    ["runAsUser", security?.runAsUser ?? pod.spec.securityContext?.runAsUser],
    ["runAsGroup", security?.runAsGroup ?? pod.spec.securityContext?.runAsGroup],
  ];
  for (const [name, id] of ids) {
    if (id !== undefined && id > highestId)
      throw new UnsupportedError(`${field}.securityContext.${name}`, `is ${id}`, `Use an id up to ${highestId}`);
  }
}

function refuseProbe(probe: Probe | undefined, field: string): void {
  if (probe?.grpc !== undefined) {
    throw new UnsupportedError(`${field}.grpc`, "is not there on this node", "Use httpGet, tcpSocket or exec");
  }
  if (probe?.httpGet?.host) {
    throw new UnsupportedError(
      `${field}.httpGet.host`,
      "would make the node ask another host",
      "Remove it: the pod itself is asked",
    );
  }
}
