import { badRequest, type KubeObject, type Projection, type ProjectionQuery } from "@headrace/model";
import type { Selection } from "./selection.ts";
import { versionOf, type Source } from "./source.ts";

/** Reads of records that are shown as a kind. What of a selector the projection cannot answer is sifted here. */
export function projectionSource(projection: Projection): Source {
  const queryOf = (namespace: string, { fields, labels }: Selection): ProjectionQuery => ({
    namespace,
    fields,
    labels,
  });

  return {
    async get(key) {
      const object = await projection.get(key);
      return object && versionOf(object);
    },
    async page({ namespace, selection, limit, continue: token, at }) {
      if (at !== undefined) {
        throw badRequest(
          `Cannot list ${projection.definition.plural} at an exact resourceVersion: they are a view of records, which keep no past states. Leave out resourceVersionMatch=Exact`,
        );
      }
      const { items, metadata } = await projection.list({
        ...queryOf(namespace, selection),
        ...(limit !== undefined && { limit }),
        ...(token !== undefined && { continue: token }),
      });
      const chosen = selection.selectsAll ? items : items.filter((object) => selection.matches(object));
      return {
        versions: chosen.map(versionOf),
        resourceVersion: metadata.resourceVersion ?? "0",
        ...(metadata.continue && { continue: metadata.continue }),
        ...(metadata.remainingItemCount !== undefined &&
          selection.selectsAll && { remaining: metadata.remainingItemCount }),
      };
    },
    async *changes({ namespace, selection, since, signal, bookmarkMs }) {
      for await (const { type, object } of projection.watch({ ...queryOf(namespace, selection), since, signal })) {
        if (type === "ERROR") return;
        if (type === "BOOKMARK") {
          if (bookmarkMs !== undefined)
            yield { type, resourceVersion: object.metadata.resourceVersion ?? String(since) };
          continue;
        }
        const change = sift(type, object, selection);
        if (change) yield { type: change, version: versionOf(object) };
      }
    },
  };
}

/**
 * Without the state before it, a change to an object outside the selection may be one that left it, and of one that is gone there
 * may be too little left to tell: a deletion of something unknown does no harm, one that is not told does.
 */
function sift(
  type: "ADDED" | "MODIFIED" | "DELETED",
  object: KubeObject,
  selection: Selection,
): typeof type | undefined {
  if (selection.selectsAll || selection.matches(object)) return type;
  return type === "ADDED" ? undefined : "DELETED";
}
