import type { ObjectKey } from "@headrace/model";

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly scope: "Namespaced" | "Cluster";
}

/** Where the objects of a kind are listed and created. An empty namespace is all of them. */
export function collectionPath({ group, version, plural, scope }: Kind, namespace: string): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = scope === "Namespaced" && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${within}/${plural}`;
}

/** Where one object is, or one of its subresources. */
export function objectPath(kind: Kind, { namespace, name }: ObjectKey, subresource?: string): string {
  const path = `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
