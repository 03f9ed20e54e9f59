import type { Client } from "@headrace/client";
import { Namespace } from "@headrace/k8s";
import type { Clock, Controller, KubeObject, ResourceDefinition } from "@headrace/model";
import {
  createController,
  fromInformer,
  ifPresent,
  keyOf,
  updateLatest,
  type ControllerOptions,
  type Informer,
  type Source,
} from "@headrace/runtime";
import type { Everything, WatchedKind } from "./everything.ts";

export interface NamespacesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly namespaces: Informer<Namespace>;
  readonly everything: Everything;
  readonly definitions: readonly ResourceDefinition[];
  readonly onFailure?: ControllerOptions["onFailure"];
}

const finalizer = "kubernetes";

/** Empties a namespace that is being deleted, kind by kind, and lets it go once nothing is left. Each thing that goes wakes it. */
export function createNamespaceController(options: NamespacesOptions): Controller {
  const { client, clock, namespaces, everything, onFailure } = options;
  const namespaced = everything.kinds.filter(({ definition }) => definition.scope === "Namespaced");
  const served = options.definitions.filter(({ scope, readOnly }) => scope === "Namespaced" && !readOnly);
  const namespaceClient = client.resource(Namespace);

  async function reconcile(name: string): Promise<void> {
    const namespace = namespaces.get({ namespace: "", name });
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    for (const kind of namespaced) await deleteAll(kind.definition, kind.informer.list(name));
    if (namespaced.some(({ informer }) => informer.list(name).length > 0)) return;
    // The copies may lag behind the server, and events are not watched: look once more at everything.
    for (const definition of served) {
      const { items } = await client.resource(definition).list({ namespace: name });
      await deleteAll(definition, items);
      if (items.length > 0 && definition.ttlSeconds === undefined) return;
    }
    await finalize(namespace);
  }

  async function deleteAll(definition: ResourceDefinition, objects: readonly KubeObject[]): Promise<void> {
    const resource = client.resource(definition);
    for (const object of objects) {
      if (object.metadata.deletionTimestamp !== undefined) continue;
      const { uid } = object.metadata;
      await ifPresent(
        resource.delete(keyOf(object), {
          propagationPolicy: "Background",
          ...(uid !== undefined && { preconditions: { uid } }),
        }),
      );
    }
  }

  async function finalize(namespace: Namespace): Promise<void> {
    await updateLatest(
      namespaceClient,
      keyOf(namespace),
      (current) => {
        const finalizers = current.spec.finalizers ?? [];
        if (current.metadata.deletionTimestamp === undefined || !finalizers.includes(finalizer)) return undefined;
        return { ...current, spec: { ...current.spec, finalizers: finalizers.filter((each) => each !== finalizer) } };
      },
      { subresource: "finalize" },
    );
  }

  /** Whatever changes in a namespace that is being deleted brings it closer to its end, or shows what still comes in. */
  function contentOf({ informer }: WatchedKind): Source {
    return fromInformer(informer, ({ metadata }) => {
      const key = { namespace: "", name: metadata.namespace ?? "" };
      return namespaces.get(key)?.metadata.deletionTimestamp === undefined ? [] : [key];
    });
  }

  return createController({
    name: "namespaces",
    clock,
    sources: [fromInformer(namespaces), ...namespaced.map(contentOf)],
    reconcile: (key) => ifPresent(reconcile(key.name)),
    ...(onFailure && { onFailure }),
  });
}
