import {
  cause,
  compareQuantities,
  dnsLabelProblem,
  environmentNameProblem,
  own,
  parseQuantity,
  portNameProblem,
  qualifiedNameProblem,
  type StatusCause,
} from "@headrace/model";
import type { Container } from "./container.ts";
import type { EnvVar } from "./environment.ts";
import { isSidecar } from "./pod-columns.ts";
import type { PodSpec } from "./pod-spec.ts";
import type { Probe } from "./probe.ts";
import { countCauses, idCauses, portCauses } from "./ranges.ts";
import { relativePathCauses } from "./volume-validation.ts";

/** What is wrong with a pod's containers of all three sorts; `volumes` are the names that mounts may use. */
export function validateContainers(spec: PodSpec, volumes: ReadonlySet<string>, path: string): StatusCause[] {
  const none = spec.containers.length === 0 ? [cause.required(`${path}.containers`)] : [];
  const init = spec.initContainers ?? [];
  return [
    ...none,
    ...spec.containers.flatMap((container, index) =>
      containerCauses(container, volumes, `${path}.containers[${index}]`),
    ),
    ...init.flatMap((container, index) => initContainerCauses(container, volumes, `${path}.initContainers[${index}]`)),
    ...duplicateNames(spec, path),
  ];
}

function duplicateNames(spec: PodSpec, path: string): StatusCause[] {
  const seen = new Set<string>();
  const lists = ["containers", "initContainers", "ephemeralContainers"] as const;
  return lists.flatMap((list) =>
    (spec[list] ?? []).flatMap(({ name }, index) => {
      const again = seen.has(name);
      seen.add(name);
      return again ? [cause.duplicate(`${path}.${list}[${index}].name`, name)] : [];
    }),
  );
}

function initContainerCauses(container: Container, volumes: ReadonlySet<string>, path: string): StatusCause[] {
  const forSidecars = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const;
  const misplaced = isSidecar(container) ? [] : forSidecars.filter((field) => container[field]);
  return [
    ...containerCauses(container, volumes, path),
    ...misplaced.map((field) =>
      cause.forbidden(`${path}.${field}`, "may not be set for init containers without restartPolicy=Always"),
    ),
  ];
}

function containerCauses(container: Container, volumes: ReadonlySet<string>, path: string): StatusCause[] {
  const problem = dnsLabelProblem(container.name);
  return [
    ...(problem ? [cause.invalid(`${path}.name`, container.name, problem)] : []),
    ...imageCauses(container.image, `${path}.image`),
    ...portsCauses(container, `${path}.ports`),
    ...(container.env ?? []).flatMap((variable, index) => variableCauses(variable, `${path}.env[${index}]`)),
    ...environmentFromCauses(container, `${path}.envFrom`),
    ...mountCauses(container, volumes, `${path}.volumeMounts`),
    ...resourceCauses(container, `${path}.resources`),
    ...probeCauses(container.livenessProbe, `${path}.livenessProbe`, true),
    ...probeCauses(container.readinessProbe, `${path}.readinessProbe`, false),
    ...probeCauses(container.startupProbe, `${path}.startupProbe`, true),
    ...idCauses(container.securityContext?.runAsUser, `${path}.securityContext.runAsUser`),
    ...idCauses(container.securityContext?.runAsGroup, `${path}.securityContext.runAsGroup`),
    ...lifecycleCauses(container, `${path}.lifecycle`),
  ];
}

function imageCauses(image: string | undefined, path: string): StatusCause[] {
  if (!image) return [cause.required(path)];
  return image === image.trim() ? [] : [cause.invalid(path, image, "must not have leading or trailing whitespace")];
}

function portsCauses({ ports = [] }: Container, path: string): StatusCause[] {
  const names = new Set<string>();
  return ports.flatMap(({ name, containerPort, hostPort }, index) => {
    const at = `${path}[${index}]`;
    const problem = name ? portNameProblem(name) : undefined;
    const again = name !== undefined && names.has(name);
    if (name) names.add(name);
    return [
      ...(problem ? [cause.invalid(`${at}.name`, name, problem)] : []),
      ...(again ? [cause.duplicate(`${at}.name`, name)] : []),
      ...(containerPort === 0
        ? [cause.required(`${at}.containerPort`)]
        : portCauses(containerPort, `${at}.containerPort`)),
      ...(hostPort ? portCauses(hostPort, `${at}.hostPort`) : []),
    ];
  });
}

const sources = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"] as const;

function variableCauses({ name, value, valueFrom }: EnvVar, path: string): StatusCause[] {
  const problem = environmentNameProblem(name);
  const causes = problem ? [cause.invalid(`${path}.name`, name, problem)] : [];
  if (!valueFrom) return causes;
  const given = sources.filter((source) => valueFrom[source]);
  if (value) causes.push(cause.invalid(`${path}.valueFrom`, "", "may not be specified when `value` is not empty"));
  if (given.length === 0) {
    causes.push(
      cause.invalid(
        `${path}.valueFrom`,
        "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
      ),
    );
  }
  if (given.length > 1) {
    causes.push(cause.invalid(`${path}.valueFrom`, "", "may not have more than one field specified at a time"));
  }
  const { fieldRef } = valueFrom;
  if (fieldRef && !isDownwardField(fieldRef.fieldPath)) {
    causes.push(cause.notSupported(`${path}.valueFrom.fieldRef.fieldPath`, fieldRef.fieldPath, downwardFields));
  }
  return causes;
}

const downwardFields = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];

function isDownwardField(path: string): boolean {
  return downwardFields.includes(path) || /^metadata\.(labels|annotations)\['[^']+'\]$/.test(path);
}

function environmentFromCauses({ envFrom = [] }: Container, path: string): StatusCause[] {
  return envFrom.flatMap(({ prefix, configMapRef, secretRef }, index) => {
    const at = `${path}[${index}]`;
    const problem = prefix ? environmentNameProblem(prefix) : undefined;
    return [
      ...(problem ? [cause.invalid(`${at}.prefix`, prefix, problem)] : []),
      ...(!configMapRef && !secretRef
        ? [cause.invalid(at, "", "must specify one of: `configMapRef` or `secretRef`")]
        : []),
      ...(configMapRef && secretRef
        ? [cause.invalid(at, "", "may not have more than one field specified at a time")]
        : []),
      ...(configMapRef && !configMapRef.name ? [cause.required(`${at}.configMapRef.name`)] : []),
      ...(secretRef && !secretRef.name ? [cause.required(`${at}.secretRef.name`)] : []),
    ];
  });
}

function mountCauses({ volumeMounts = [] }: Container, volumes: ReadonlySet<string>, path: string): StatusCause[] {
  const taken = new Set<string>();
  return volumeMounts.flatMap(({ name, mountPath, subPath, subPathExpr }, index) => {
    const at = `${path}[${index}]`;
    const again = taken.has(mountPath);
    taken.add(mountPath);
    return [
      ...(volumes.has(name) ? [] : [cause.notFound(`${at}.name`, name)]),
      ...(again ? [cause.invalid(`${at}.mountPath`, mountPath, "must be unique")] : []),
      ...(subPath ? relativePathCauses(subPath, `${at}.subPath`) : []),
      ...(subPathExpr ? relativePathCauses(subPathExpr, `${at}.subPathExpr`) : []),
      ...(subPath && subPathExpr
        ? [cause.invalid(`${at}.subPathExpr`, subPathExpr, "subPathExpr and subPath are mutually exclusive")]
        : []),
    ];
  });
}

const native = new Set(["cpu", "memory", "ephemeral-storage"]);

function resourceCauses({ resources }: Container, path: string): StatusCause[] {
  const { limits = {}, requests = {} } = resources ?? {};
  const requested = Object.entries(requests).flatMap(([name, amount]) => {
    const at = `${path}.requests`;
    const limit = own(limits, name);
    if (limit === undefined)
      return isNative(name)
        ? []
        : [cause.required(`${path}.limits`, `Limit must be set for non overcommitable resources`)];
    const difference = compareQuantities(amount, limit);
    if (difference > 0) return [cause.invalid(at, amount, `must be less than or equal to ${name} limit of ${limit}`)];
    return difference < 0 && !isNative(name)
      ? [cause.invalid(at, amount, `must be equal to ${name} limit of ${limit}`)]
      : [];
  });
  return [
    ...Object.entries(limits).flatMap(([name, amount]) => amountCauses(name, amount, `${path}.limits`)),
    ...Object.entries(requests).flatMap(([name, amount]) => amountCauses(name, amount, `${path}.requests`)),
    ...requested,
  ];
}

function isNative(name: string): boolean {
  return native.has(name);
}

function amountCauses(name: string, amount: string, path: string): StatusCause[] {
  const { nano } = parseQuantity(amount);
  const whole = isNative(name) || nano % 1_000_000_000n === 0n;
  return [
    ...resourceNameCauses(name, path),
    ...(nano < 0n ? [cause.invalid(`${path}[${name}]`, amount, "must be greater than or equal to 0")] : []),
    ...(whole ? [] : [cause.invalid(`${path}[${name}]`, amount, "must be an integer")]),
  ];
}

function resourceNameCauses(name: string, path: string): StatusCause[] {
  const problem = qualifiedNameProblem(name);
  if (problem) return [cause.invalid(path, name, problem)];
  const known = isNative(name) || name.startsWith("hugepages-") || name.includes("/");
  return known ? [] : [cause.invalid(`${path}[${name}]`, name, "must be a standard resource for containers")];
}

function probeCauses(probe: Probe | undefined, path: string, onceIsSuccess: boolean): StatusCause[] {
  if (!probe) return [];
  const counts = [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
  ] as const;
  const { exec, httpGet, tcpSocket, grpc, successThreshold = 1 } = probe;
  const handlers = [exec, httpGet, tcpSocket, grpc].filter(Boolean).length;
  return [
    ...(handlers === 0 ? [cause.required(path, "must specify a handler type")] : []),
    ...(handlers > 1 ? [cause.forbidden(path, "may not specify more than 1 handler type")] : []),
    ...(exec && !exec.command?.length ? [cause.required(`${path}.exec.command`)] : []),
    ...counts.flatMap((field) => countCauses(probe[field], `${path}.${field}`)),
    ...(onceIsSuccess && successThreshold !== 1
      ? [cause.invalid(`${path}.successThreshold`, successThreshold, "must be 1")]
      : []),
  ];
}

function lifecycleCauses({ lifecycle }: Container, path: string): StatusCause[] {
  return (["postStart", "preStop"] as const).flatMap((hook) => {
    const handler = lifecycle?.[hook];
    const count = handler ? Object.keys(handler).length : 1;
    return [
      ...(count === 0 ? [cause.required(`${path}.${hook}`, "must specify a handler type")] : []),
      ...(count > 1 ? [cause.forbidden(`${path}.${hook}`, "may not specify more than 1 handler type")] : []),
    ];
  });
}
