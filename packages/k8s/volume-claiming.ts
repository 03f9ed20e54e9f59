import { cause, parseQuantity, type KubeObject, type StatusCause } from "@headrace/model";

/** What claims and volumes have in common. */

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

/** How kubectl shows what is not set. */
export const unsetText = "<unset>";

/** `RWO,RWX`, in the order that kubectl shows. */
export function accessModesText(modes: readonly string[] = []): string {
  return Object.entries(shortModes)
    .filter(([mode]) => modes.includes(mode))
    .map(([, short]) => short)
    .join(",");
}

/** The phase, or that the object is on its way out. */
export function endingPhase({ metadata }: KubeObject, phase: string | undefined): string | undefined {
  return metadata.deletionTimestamp === undefined ? phase : "Terminating";
}

export function accessModeCauses(modes: readonly string[] | undefined, path: string): StatusCause[] {
  if (!modes || modes.length === 0) return [cause.required(path, "at least 1 access mode is required")];
  return modes.includes("ReadWriteOncePod") && modes.length > 1
    ? [cause.forbidden(path, "may not use ReadWriteOncePod with other access modes")]
    : [];
}

/** The amount of storage in a list of resources: there has to be one. */
export function storageCauses(resources: Readonly<Record<string, string>> | undefined, path: string): StatusCause[] {
  const storage = resources?.["storage"];
  if (storage === undefined) return [cause.required(`${path}[storage]`)];
  return parseQuantity(storage).nano <= 0n
    ? [cause.invalid(`${path}[storage]`, storage, "must be greater than zero")]
    : [];
}

export function withFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(finalizer)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
}

/** Equal as JSON, whatever the order of keys; what is undefined is absent. */
export function sameValue(a: unknown, b: unknown): boolean {
  return inOrder(a) === inOrder(b);
}

function inOrder(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
