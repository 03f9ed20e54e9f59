import { useLiveList, type LiveQuery } from "@headrace/ui-kit";
import type { KubeObject, ResourceDefinition } from "@headrace/model";
import { useMemo } from "react";

/** Changes whenever an object of the kind does: what was read by other means is old then. Empty while that is not known. */
export function useLiveStamp<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  query: LiveQuery | undefined,
): string {
  const { items, complete } = useLiveList(definition, query);
  return useMemo(() => {
    if (!complete) return "";
    const versions = items.map(({ metadata }) => `${metadata.uid ?? ""}@${metadata.resourceVersion ?? ""}`);
    return String(hash(versions.toSorted().join()));
  }, [items, complete]);
}

/** FNV-1a over the text's units: equal stamps for equal texts is all that is asked of it. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
