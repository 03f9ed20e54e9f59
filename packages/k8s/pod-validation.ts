import {
  cause,
  dnsLabelProblem,
  dnsSubdomainProblem,
  isEqual,
  qualifiedNameProblem,
  validateLabels,
  type StatusCause,
} from "@headrace/model";
import { validateAffinity, validateTopologySpread } from "./affinity-validation.ts";
import { validateContainers } from "./container-validation.ts";
import type { Pod } from "./pod.ts";
import type { PodSpec, PodTemplateSpec } from "./pod-spec.ts";
import { countCauses, idCauses } from "./ranges.ts";
import { validateVolumes } from "./volume-validation.ts";

/** The rules of a pod that its schema can't say, in upstream's words. */
export function validatePod(pod: Pod, old: Pod | undefined, subresource: string): readonly StatusCause[] {
  if (subresource === "status") return [];
  const causes = validatePodSpec(pod.spec, "spec");
  return old && subresource === "" ? [...causes, ...validatePodUpdate(pod, old)] : causes;
}

/** The same for the template of a controller. */
export function validatePodTemplate(template: PodTemplateSpec, path: string): readonly StatusCause[] {
  return [
    ...validateLabels(template.metadata?.labels, `${path}.metadata.labels`),
    ...validatePodSpec(template.spec, `${path}.spec`),
  ];
}

function validatePodSpec(spec: PodSpec, path: string): StatusCause[] {
  const volumes = validateVolumes(spec.volumes ?? [], `${path}.volumes`);
  return [
    ...volumes.causes,
    ...validateContainers(spec, volumes.names, path),
    ...numberCauses(spec, path),
    ...nameCauses(spec, path),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...(spec.affinity ? validateAffinity(spec.affinity, `${path}.affinity`) : []),
    ...validateTopologySpread(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...(spec.tolerations ?? []).flatMap((toleration, index) =>
      tolerationCauses(toleration, `${path}.tolerations[${index}]`),
    ),
    ...(spec.hostAliases ?? []).flatMap((alias, index) => hostAliasCauses(alias, `${path}.hostAliases[${index}]`)),
    ...dnsCauses(spec, path),
    ...securityCauses(spec, path),
    ...(spec.readinessGates ?? []).flatMap(({ conditionType }, index) => {
      const problem = qualifiedNameProblem(conditionType);
      return problem ? [cause.invalid(`${path}.readinessGates[${index}].conditionType`, conditionType, problem)] : [];
    }),
  ];
}

function numberCauses(spec: PodSpec, path: string): StatusCause[] {
  const { activeDeadlineSeconds: deadline, terminationGracePeriodSeconds: grace } = spec;
  return [
    ...(deadline !== undefined && (deadline < 1 || deadline > 2147483647)
      ? [cause.invalid(`${path}.activeDeadlineSeconds`, deadline, "must be between 1 and 2147483647, inclusive")]
      : []),
    ...countCauses(grace, `${path}.terminationGracePeriodSeconds`),
  ];
}

function nameCauses(spec: PodSpec, path: string): StatusCause[] {
  const named = [
    ["serviceAccountName", dnsSubdomainProblem],
    ["nodeName", dnsSubdomainProblem],
    ["priorityClassName", dnsSubdomainProblem],
    ["runtimeClassName", dnsSubdomainProblem],
    ["hostname", dnsLabelProblem],
    ["subdomain", dnsLabelProblem],
  ] as const;
  return named.flatMap(([field, check]) => {
    const value = spec[field];
    const problem = value ? check(value) : undefined;
    return problem ? [cause.invalid(`${path}.${field}`, value, problem)] : [];
  });
}

function tolerationCauses(toleration: NonNullable<PodSpec["tolerations"]>[number], path: string): StatusCause[] {
  const { key = "", operator = "Equal", value = "", effect, tolerationSeconds } = toleration;
  const causes: StatusCause[] = [];
  const problem = key ? qualifiedNameProblem(key) : undefined;
  if (problem) causes.push(cause.invalid(`${path}.key`, key, problem));
  if (!key && operator !== "Exists") {
    causes.push(
      cause.invalid(
        `${path}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (operator === "Exists" && value)
    causes.push(cause.invalid(`${path}.operator`, operator, "value must be empty when `operator` is 'Exists'"));
  if (tolerationSeconds !== undefined && effect !== "NoExecute") {
    causes.push(
      cause.invalid(`${path}.effect`, effect ?? "", "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  }
  return causes;
}

const ip = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/;

function hostAliasCauses(alias: NonNullable<PodSpec["hostAliases"]>[number], path: string): StatusCause[] {
  const wrongIP = ip.test(alias.ip)
    ? []
    : [cause.invalid(`${path}.ip`, alias.ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")];
  const wrongNames = (alias.hostnames ?? []).flatMap((hostname) => {
    const problem = dnsSubdomainProblem(hostname);
    return problem ? [cause.invalid(`${path}.hostnames`, hostname, problem)] : [];
  });
  return [...wrongIP, ...wrongNames];
}

function dnsCauses(spec: PodSpec, path: string): StatusCause[] {
  const servers = spec.dnsConfig?.nameservers ?? [];
  if (spec.dnsPolicy === "None" && servers.length === 0) {
    const detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
    return [cause.required(`${path}.dnsConfig.nameservers`, detail)];
  }
  if (servers.length > 3) {
    return [cause.invalid(`${path}.dnsConfig.nameservers`, servers, "must not have more than 3 nameservers")];
  }
  return [];
}

function securityCauses({ securityContext, hostPID, shareProcessNamespace }: PodSpec, path: string): StatusCause[] {
  const ids = ["runAsUser", "runAsGroup", "fsGroup"] as const;
  const wrongIds = ids.flatMap((field) => idCauses(securityContext?.[field], `${path}.securityContext.${field}`));
  const clash = hostPID && shareProcessNamespace;
  return clash
    ? [
        ...wrongIds,
        cause.invalid(
          `${path}.shareProcessNamespace`,
          true,
          "ShareProcessNamespace and HostPID cannot both be enabled",
        ),
      ]
    : wrongIds;
}

const updatable =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** A pod's spec is fixed, but for images, a sooner deadline, more tolerations, and scheduling gates that go away. */
function validatePodUpdate({ spec }: Pod, { spec: old }: Pod): StatusCause[] {
  const causes: StatusCause[] = [];
  if (!isEqual(asBefore(spec, old), old)) causes.push(cause.forbidden("spec", updatable));
  if (
    old.activeDeadlineSeconds !== undefined &&
    !(spec.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds <= old.activeDeadlineSeconds)
  ) {
    causes.push(
      cause.invalid(
        "spec.activeDeadlineSeconds",
        spec.activeDeadlineSeconds ?? null,
        "must be less than or equal to previous value",
      ),
    );
  }
  const lost = (old.tolerations ?? []).filter(
    (each) => !spec.tolerations?.some((kept) => isEqual(withoutSeconds(kept), withoutSeconds(each))),
  );
  if (lost.length > 0)
    causes.push(
      cause.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"),
    );
  const gates = new Set(old.schedulingGates?.map((gate) => gate.name));
  if (spec.schedulingGates?.some((gate) => !gates.has(gate.name))) {
    causes.push(cause.forbidden("spec.schedulingGates", "only deletion is allowed, but found new scheduling gates"));
  }
  return causes;
}

/** The new spec with the old values of all that may change: equal to the old one, if nothing else did. */
function asBefore(spec: PodSpec, old: PodSpec): PodSpec {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    initContainers: _init,
    ...rest
  } = spec;
  return {
    ...rest,
    containers: withImagesOf(spec.containers, old.containers),
    ...(spec.initContainers && { initContainers: withImagesOf(spec.initContainers, old.initContainers ?? []) }),
    ...(old.activeDeadlineSeconds !== undefined && { activeDeadlineSeconds: old.activeDeadlineSeconds }),
    ...(old.tolerations && { tolerations: old.tolerations }),
    ...(old.schedulingGates && { schedulingGates: old.schedulingGates }),
  };
}

function withImagesOf(containers: PodSpec["containers"], old: PodSpec["containers"]): PodSpec["containers"] {
  return containers.map((container, index) => {
    const image = old[index]?.image;
    return image === undefined ? container : { ...container, image };
  });
}

function withoutSeconds<T extends { readonly tolerationSeconds?: number }>(
  toleration: T,
): Omit<T, "tolerationSeconds"> {
  const { tolerationSeconds: _seconds, ...rest } = toleration;
  return rest;
}
