import type { Client } from "@headrace/client";
import type { Clock, Controller, KubeObject, OwnerReference } from "@headrace/model";
import {
  createController,
  createLimitedMap,
  ifPresent,
  keyOf,
  removeFinalizer,
  updateLatest,
  type ControllerOptions,
} from "@headrace/runtime";
import {
  createOwnerGraph,
  foregroundFinalizer,
  isDeletedWith,
  judge,
  orphanFinalizer,
  ownersOf,
  type Owned,
  type Standing,
} from "../core/owner-graph.ts";
import type { Everything } from "./everything.ts";

export interface GarbageCollectorOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly everything: Everything;
  readonly onFailure?: ControllerOptions["onFailure"];
}

const maxRememberedAbsent = 4096;

/**
 * Deletes what has lost its owners, and takes the two other ways of deletion to their end: in the foreground an owner stays until its
 * blocking dependents are gone, and an owner deleted with `Orphan` leaves them behind without their reference to it.
 */
export function createGarbageCollector({ client, clock, everything, onFailure }: GarbageCollectorOptions): Controller {
  const graph = createOwnerGraph();
  /** Uids that a read of the server found to be gone. Uids are never used again. */
  const absent = createLimitedMap<true>(maxRememberedAbsent);

  async function reconcile(uid: string): Promise<void> {
    const owned = graph.get(uid);
    if (!owned) return;
    if (isDeletedWith(owned.object, orphanFinalizer)) await orphanDependents(owned);
    else if (isDeletedWith(owned.object, foregroundFinalizer)) await finishForeground(owned);
    if (ownersOf(owned.object).length > 0) await followOwners(owned);
  }

  async function followOwners(owned: Owned): Promise<void> {
    const standings = new Map<string, Standing>();
    for (const owner of ownersOf(owned.object)) standings.set(owner.uid, await standingOf(owner, owned));
    const hasDependents = graph.dependents(owned.uid).length > 0;
    const verdict = judge(owned.object, standings, hasDependents);
    if (verdict.action === "dropOwners") await dropOwners(owned, verdict.uids);
    if (verdict.action === "delete") {
      await ifPresent(
        client.resource(owned.definition).delete(keyOf(owned.object), {
          propagationPolicy: verdict.policy,
          preconditions: { uid: owned.uid },
        }),
      );
    }
  }

  async function standingOf(owner: OwnerReference, { object }: Owned): Promise<Standing> {
    const known = graph.get(owner.uid)?.object ?? (await readOwner(owner, object));
    if (known === "unknowable") return "solid";
    if (known === undefined) return "gone";
    return owner.blockOwnerDeletion && isDeletedWith(known, foregroundFinalizer) ? "waiting" : "solid";
  }

  /** The copy may lag behind, so only a read of the server says that an owner is gone. What cannot be asked for is left alone. */
  async function readOwner(
    owner: OwnerReference,
    dependent: KubeObject,
  ): Promise<KubeObject | undefined | "unknowable"> {
    if (absent.get(owner.uid)) return undefined;
    const definition = everything.find(owner.apiVersion, owner.kind);
    const { namespace } = dependent.metadata;
    if (!definition || (definition.scope === "Namespaced" && !namespace)) return "unknowable";
    const key = { namespace: definition.scope === "Namespaced" ? (namespace ?? "") : "", name: owner.name };
    const found = await ifPresent(client.resource(definition).get(key));
    if (found?.metadata.uid === owner.uid) return found;
    absent.set(owner.uid, true);
    return undefined;
  }

  async function finishForeground(owner: Owned): Promise<void> {
    const isBlocking = (dependent: Owned) =>
      ownersOf(dependent.object).some(({ uid, blockOwnerDeletion }) => uid === owner.uid && blockOwnerDeletion);
    if (graph.dependents(owner.uid).some(isBlocking)) return;
    await removeFinalizer(client.resource(owner.definition), keyOf(owner.object), foregroundFinalizer);
  }

  async function orphanDependents(owner: Owned): Promise<void> {
    for (const dependent of graph.dependents(owner.uid)) await dropOwners(dependent, [owner.uid]);
    await removeFinalizer(client.resource(owner.definition), keyOf(owner.object), orphanFinalizer);
  }

  async function dropOwners({ definition, object, uid }: Owned, uids: readonly string[]): Promise<void> {
    await updateLatest(client.resource(definition), keyOf(object), (current) => {
      const kept = ownersOf(current).filter((owner) => !uids.includes(owner.uid));
      if (current.metadata.uid !== uid || kept.length === ownersOf(current).length) return undefined;
      return { ...current, metadata: { ...current.metadata, ownerReferences: kept } };
    });
  }

  /** A changed object concerns itself, its dependents when it is on its way out, and its owners when they wait for it. */
  function concerned(object: KubeObject, isGone: boolean, dependents: readonly string[]): readonly string[] {
    const self = isGone ? [] : [object.metadata.uid ?? ""];
    const below = isGone || object.metadata.deletionTimestamp !== undefined ? dependents : [];
    return [...self, ...below, ...ownersOf(object).map(({ uid }) => uid)];
  }

  return createController({
    name: "garbage-collector",
    clock,
    workers: 8,
    sources: [
      {
        async start(enqueue, signal) {
          const tell = (uids: readonly string[]) => {
            for (const uid of new Set(uids)) enqueue({ namespace: "", name: uid });
          };
          for (const { definition, informer } of everything.kinds) {
            const subscription = informer.subscribe(({ type, object }) => {
              const uid = object.metadata.uid ?? "";
              if (type === "deleted") {
                absent.set(uid, true);
                tell(concerned(object, true, graph.remove(uid)));
                return;
              }
              graph.put(definition, object);
              const isInteresting = ownersOf(object).length > 0 || object.metadata.deletionTimestamp !== undefined;
              if (isInteresting)
                tell(
                  concerned(
                    object,
                    false,
                    graph.dependents(uid).map((each) => each.uid),
                  ),
                );
            });
            signal.addEventListener("abort", () => subscription[Symbol.dispose](), { once: true });
          }
          await everything.start(signal);
        },
      },
    ],
    // Somebody else deleted or replaced it: its events say the rest.
    reconcile: (key) => ifPresent(reconcile(key.name)),
    ...(onFailure && { onFailure }),
  });
}
