import type { KubeObject, OwnerReference, ResourceDefinition } from "@headrace/model";

/** Who owns whom, by uid. Owners that were named but not seen are in it as absent, so that their dependents are found. */
export interface OwnerGraph {
  put(definition: ResourceDefinition, object: KubeObject): void;
  /** Answers the uids of its dependents. */
  remove(uid: string): readonly string[];
  get(uid: string): Owned | undefined;
  dependents(uid: string): readonly Owned[];
}

export interface Owned {
  readonly uid: string;
  readonly definition: ResourceDefinition;
  readonly object: KubeObject;
}

export const foregroundFinalizer = "foregroundDeletion";
export const orphanFinalizer = "orphan";

export function createOwnerGraph(): OwnerGraph {
  const objects = new Map<string, Owned>();
  const dependents = new Map<string, Set<string>>();

  function unlink(owned: Owned): void {
    for (const { uid } of ownersOf(owned.object)) {
      const set = dependents.get(uid);
      set?.delete(owned.uid);
      if (set?.size === 0) dependents.delete(uid);
    }
  }

  return {
    put(definition, object) {
      const uid = object.metadata.uid ?? "";
      const known = objects.get(uid);
      if (known) unlink(known);
      objects.set(uid, { uid, definition, object });
      for (const owner of ownersOf(object)) {
        const set = dependents.get(owner.uid) ?? new Set<string>();
        set.add(uid);
        dependents.set(owner.uid, set);
      }
    },
    remove(uid) {
      const known = objects.get(uid);
      if (known) unlink(known);
      objects.delete(uid);
      return [...(dependents.get(uid) ?? [])];
    },
    get: (uid) => objects.get(uid),
    dependents: (uid) => [...(dependents.get(uid) ?? [])].flatMap((each) => objects.get(each) ?? []),
  };
}

export function ownersOf(object: KubeObject): readonly OwnerReference[] {
  return object.metadata.ownerReferences ?? [];
}

export function isDeletedWith(object: KubeObject, finalizer: string): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  return deletionTimestamp !== undefined && finalizers.includes(finalizer);
}

/** What an owner is to its dependent: there, gone for good, or going and waiting for the dependent to go first. */
export type Standing = "solid" | "gone" | "waiting";

export type Verdict =
  | { readonly action: "keep" }
  | { readonly action: "dropOwners"; readonly uids: readonly string[] }
  | { readonly action: "delete"; readonly policy: "Background" | "Foreground" | "Orphan" };

/**
 * What becomes of an object, given how each of its owners stands. Pure. An object lives as long as one of its owners does; owners
 * that are gone are then struck from it. With none left it is deleted, in the way its own finalizers ask for, else in the foreground
 * if an owner waits and it has dependents itself.
 */
export function judge(object: KubeObject, standings: ReadonlyMap<string, Standing>, hasDependents: boolean): Verdict {
  const uids = (standing: Standing) => [...standings].filter(([, each]) => each === standing).map(([uid]) => uid);
  const leaving = [...uids("gone"), ...uids("waiting")];
  if (leaving.length === 0) return { action: "keep" };
  if (uids("solid").length > 0) return { action: "dropOwners", uids: leaving };
  if (object.metadata.deletionTimestamp !== undefined) return { action: "keep" };
  if (uids("waiting").length > 0 && hasDependents) return { action: "delete", policy: "Foreground" };
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(orphanFinalizer)) return { action: "delete", policy: "Orphan" };
  if (finalizers.includes(foregroundFinalizer)) return { action: "delete", policy: "Foreground" };
  return { action: "delete", policy: "Background" };
}
