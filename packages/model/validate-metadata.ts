import { cause } from "./cause.ts";
import {
  dns1035LabelProblem,
  dnsLabelProblem,
  dnsSubdomainProblem,
  labelValueProblem,
  pathSegmentProblem,
  qualifiedNameProblem,
} from "./names.ts";
import type { ObjectMeta, OwnerReference } from "./object.ts";
import type { NameRule } from "./resource.ts";
import type { StatusCause } from "./status.ts";

const nameProblems: Readonly<Record<NameRule, (name: string) => string | undefined>> = {
  subdomain: dnsSubdomainProblem,
  label: dnsLabelProblem,
  label1035: dns1035LabelProblem,
  pathSegment: pathSegmentProblem,
};

/** All annotations of an object together, in bytes. */
const annotationsLimit = 256 * 1024;

/** What is wrong with an object's metadata by its kind's rule for names. `name` must be there by now: generateName has been applied. */
export function validateMetadata(
  metadata: ObjectMeta,
  kind: { readonly nameRule: NameRule; readonly scope: "Namespaced" | "Cluster" },
  path = "metadata",
): readonly StatusCause[] {
  return [
    ...nameCauses(metadata, kind, path),
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...annotationCauses(metadata.annotations, `${path}.annotations`),
    ...(metadata.ownerReferences ?? []).flatMap((owner, index) =>
      ownerCauses(owner, `${path}.ownerReferences[${index}]`),
    ),
    ...severalControllers(metadata.ownerReferences ?? [], path),
    ...(metadata.finalizers ?? []).flatMap((finalizer) => finalizerCauses(finalizer, `${path}.finalizers`)),
  ];
}

function nameCauses(
  metadata: ObjectMeta,
  kind: { readonly nameRule: NameRule; readonly scope: string },
  path: string,
): StatusCause[] {
  const causes: StatusCause[] = [];
  if (!metadata.name) causes.push(cause.required(`${path}.name`, "name or generateName is required"));
  else {
    const problem = nameProblems[kind.nameRule](metadata.name);
    if (problem) causes.push(cause.invalid(`${path}.name`, metadata.name, problem));
  }
  if (kind.scope === "Cluster" && metadata.namespace) {
    causes.push(cause.forbidden(`${path}.namespace`, "not allowed on this type"));
  }
  if (kind.scope === "Namespaced") {
    const problem = metadata.namespace ? dnsLabelProblem(metadata.namespace) : undefined;
    if (!metadata.namespace) causes.push(cause.required(`${path}.namespace`));
    else if (problem) causes.push(cause.invalid(`${path}.namespace`, metadata.namespace, problem));
  }
  return causes;
}

/** What is wrong with a map of labels, wherever it stands (metadata, matchLabels, nodeSelector). */
export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
): readonly StatusCause[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => {
    const wrongKey = qualifiedNameProblem(key);
    const wrongValue = labelValueProblem(value);
    return [
      ...(wrongKey ? [cause.invalid(path, key, wrongKey)] : []),
      ...(wrongValue ? [cause.invalid(path, value, wrongValue)] : []),
    ];
  });
}

function annotationCauses(annotations: Readonly<Record<string, string>> | undefined, path: string): StatusCause[] {
  let size = 0;
  const causes: StatusCause[] = [];
  for (const [key, value] of Object.entries(annotations ?? {})) {
    // Keys may be of any case, so only the lower-case form is held against the rule for qualified names.
    const wrong = qualifiedNameProblem(key.toLowerCase());
    if (wrong) causes.push(cause.invalid(path, key, wrong));
    size += byteLength(key) + byteLength(value);
  }
  return size > annotationsLimit ? [...causes, cause.tooLong(path, annotationsLimit)] : causes;
}

function ownerCauses(owner: OwnerReference, path: string): StatusCause[] {
  return (["apiVersion", "kind", "name", "uid"] as const)
    .filter((field) => !owner[field])
    .map((field) => cause.invalid(`${path}.${field}`, owner[field] ?? "", "must not be empty"));
}

function severalControllers(owners: readonly OwnerReference[], path: string): StatusCause[] {
  const names = owners.filter((owner) => owner.controller).map((owner) => owner.name);
  if (names.length < 2) return [];
  return [cause.invalid(`${path}.ownerReferences`, names, "Only one reference can have Controller set to true")];
}

function finalizerCauses(finalizer: string, path: string): StatusCause[] {
  const problem = qualifiedNameProblem(finalizer);
  return problem ? [cause.invalid(path, finalizer, problem)] : [];
}

/** Metadata that no update may change. */
export function validateMetadataUpdate(
  metadata: ObjectMeta,
  old: ObjectMeta,
  path = "metadata",
): readonly StatusCause[] {
  const fixed = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
  ] as const;
  const causes = fixed
    .filter((field) => metadata[field] !== old[field])
    .map((field) => cause.invalid(`${path}.${field}`, metadata[field] ?? null, "field is immutable"));
  const added = old.deletionTimestamp
    ? (metadata.finalizers ?? []).filter((each) => !old.finalizers?.includes(each))
    : [];
  if (added.length > 0) {
    causes.push(
      cause.forbidden(
        `${path}.finalizers`,
        `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
      ),
    );
  }
  return causes;
}

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).byteLength;
}
