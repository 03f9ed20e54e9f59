import type { ConfigMap, Container, EnvVar, Pod, Secret } from "@headrace/k8s";
import { fieldValue, resourceValue } from "./downward.ts";
import { ContainerConfigError } from "./errors.ts";

/** Looks up what variables and volumes refer to; undefined if it does not exist. */
export interface References {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
}

/** What only the node knows about a pod. */
export interface NodeFacts {
  readonly nodeName: string;
  readonly hostIP: string;
  readonly podIP: string | undefined;
  readonly allocatable: Readonly<Record<string, string>>;
}

/**
 * The variables that a container's `envFrom` and `env` add to `given`, in Kubernetes' order: later ones win and may refer to
 * earlier ones by `$(NAME)`. Throws ContainerConfigError naming what is missing.
 */
export async function containerVariables(
  pod: Pod,
  container: Container,
  given: Readonly<Record<string, string>>,
  facts: NodeFacts,
  references: References,
): Promise<Record<string, string>> {
  const variables: Record<string, string> = { ...given };
  for (const source of container.envFrom ?? []) {
    for (const [key, value] of await sourceEntries(pod, source, references))
      variables[`${source.prefix ?? ""}${key}`] = value;
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(pod, container, variable, variables, facts, references);
    if (value !== undefined) variables[variable.name] = value;
  }
  return variables;
}

async function sourceEntries(
  pod: Pod,
  source: NonNullable<Container["envFrom"]>[number],
  references: References,
): Promise<(readonly [string, string])[]> {
  const namespace = pod.metadata.namespace ?? "";
  if (source.configMapRef !== undefined) {
    const { name, optional } = source.configMapRef;
    const map = await references.configMap(namespace, name ?? "");
    if (map === undefined && optional !== true) throw missing(`configmap "${name}" not found`);
    return Object.entries(map?.data ?? {});
  }
  if (source.secretRef !== undefined) {
    const { name, optional } = source.secretRef;
    const secret = await references.secret(namespace, name ?? "");
    if (secret === undefined && optional !== true) throw missing(`secret "${name}" not found`);
    return Object.entries(secret?.data ?? {}).map(([key, value]) => [key, fromBase64(value).toString("utf8")] as const);
  }
  return [];
}

async function variableValue(
  pod: Pod,
  container: Container,
  variable: EnvVar,
  known: Readonly<Record<string, string>>,
  facts: NodeFacts,
  references: References,
): Promise<string | undefined> {
  const from = variable.valueFrom;
  if (from === undefined) return expand(variable.value ?? "", known);
  const namespace = pod.metadata.namespace ?? "";
  if (from.fieldRef !== undefined) return fieldValue(pod, from.fieldRef.fieldPath, facts);
  if (from.resourceFieldRef !== undefined) return resourceValue(pod, container, from.resourceFieldRef, facts);
  if (from.configMapKeyRef !== undefined) {
    const { name, key, optional } = from.configMapKeyRef;
    const map = await references.configMap(namespace, name ?? "");
    const value = map?.data?.[key];
    if (value === undefined && optional !== true) {
      throw missing(
        map === undefined
          ? `configmap "${name}" not found`
          : `couldn't find key ${key} in ConfigMap ${namespace}/${name}`,
      );
    }
    return value;
  }
  if (from.secretKeyRef !== undefined) {
    const { name, key, optional } = from.secretKeyRef;
    const secret = await references.secret(namespace, name ?? "");
    const value = secret?.data?.[key];
    if (value === undefined && optional !== true) {
      throw missing(
        secret === undefined ? `secret "${name}" not found` : `couldn't find key ${key} in Secret ${namespace}/${name}`,
      );
    }
    return value === undefined ? undefined : fromBase64(value).toString("utf8");
  }
  return undefined;
}

/** `$(NAME)` becomes the variable's value, `$$(NAME)` the text `$(NAME)`; an unknown name stays as it is. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  if (!text.includes("$")) return text;
  return text.replaceAll(/\$\$|\$\(([^()]*)\)/g, (found, name: string | undefined) => {
    if (found === "$$") return "$";
    return name !== undefined && Object.hasOwn(variables, name) ? (variables[name] ?? found) : found;
  });
}

export function fromBase64(text: string): Buffer {
  return Buffer.from(text, "base64");
}

function missing(message: string): ContainerConfigError {
  return new ContainerConfigError("CreateContainerConfigError", message);
}
