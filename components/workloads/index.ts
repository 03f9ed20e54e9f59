import type { Admission } from "@headrace/apiserver";
import type { Client } from "@headrace/client";
import { Event, Namespace, Node, Pod } from "@headrace/k8s";
import type { Clock, Component, Controller, Ids, ResourceDefinition } from "@headrace/model";
import { createEventRecorder, createInformer, type ReconcileFailure } from "@headrace/runtime";
import { createClaims } from "./controllers/claims.ts";
import { createEphemeralClaims } from "./controllers/ephemeral-claims.ts";
import { createEverything } from "./controllers/everything.ts";
import { createFinishedPods } from "./controllers/finished-pods.ts";
import { createGarbageCollector } from "./controllers/garbage-collector.ts";
import { createLocalVolumes, ensureStandardClass, type LocalVolumes } from "./controllers/local-volumes.ts";
import { createNamespaceDefaults } from "./controllers/namespace-defaults.ts";
import { createNamespaceController } from "./controllers/namespaces.ts";
import { createScheduler } from "./controllers/scheduler.ts";
import { claimKeysOf, createStorageView, type StorageView } from "./controllers/storage-view.ts";
import { createVolumes } from "./controllers/volumes.ts";
import { createExplain } from "./explain.ts";

export { storageAdmission } from "./admission/storage.ts";
export { serviceAccountAdmission } from "./admission/service-account.ts";
export { defaultNamespaces } from "./controllers/namespace-defaults.ts";

export interface WorkloadsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Every kind that the API server serves, read-only ones included: owners may be of any. */
  readonly definitions: readonly ResourceDefinition[];
  /** PEM of the API server's authority, published in each namespace. */
  readonly rootCa: string;
  /** Where the volumes of claims lie: a folder each. */
  readonly volumesDirectory: string;
  /** How many finished pods of a namespace stay as objects; 500. */
  readonly keepFinishedPods?: number;
  /** Told of what went wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
}

export interface Workloads extends Component {
  /** The last of the API server's admission: gives pods their node as they are created. */
  readonly placement: Admission;
  /** Runs while no volume's folder is removed. */
  hold<R>(act: () => Promise<R>): Promise<R>;
}

/** What Kubernetes' own controllers do for pods: choose their node, collect what lost its owner, keep namespaces. */
export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { client, clock, ids, definitions, rootCa, volumesDirectory, onError = () => {} } = options;
  const onFailure = (failure: ReconcileFailure) => onError(failure.error);
  const pods = createInformer({ client: client.resource(Pod), clock, indices: { claim: claimKeysOf }, onError });
  const nodes = createInformer({ client: client.resource(Node), clock, onError });
  const namespaces = createInformer({ client: client.resource(Namespace), clock, onError });
  const everything = createEverything({ client, clock, definitions, onError });
  const recorder = (component: string) => createEventRecorder({ client, clock, ids, component });
  const view = createStorageView({ client, clock, pods, onError });
  const storage = {
    client,
    clock,
    view,
    local: createLocalVolumes(volumesDirectory),
    events: recorder("persistentvolume-controller"),
    onFailure,
  };

  const scheduler = createScheduler({
    client,
    clock,
    pods,
    nodes,
    storage: view,
    events: recorder("default-scheduler"),
    onError,
  });

  return {
    name: "workloads",
    placement: scheduler.placement,
    hold: storage.local.hold,
    resources: [],
    controllers: [
      createNamespaceDefaults({ client, clock, namespaces, rootCa, onError, onFailure }),
      scheduler,
      localStorage(storage),
      createClaims(storage),
      createVolumes(storage),
      createEphemeralClaims(storage),
      createGarbageCollector({ client, clock, everything, onFailure }),
      createNamespaceController({ client, clock, namespaces, everything, definitions, onFailure }),
      createFinishedPods({
        client,
        pods,
        onError,
        ...(options.keepFinishedPods !== undefined && { keep: options.keepFinishedPods }),
      }),
    ],
    explain: createExplain(view, client.resource(Event)),
  };
}

/** What has to be there before claims are looked at. */
function localStorage({
  client,
  view,
  local,
}: {
  readonly client: Client;
  readonly view: StorageView;
  readonly local: LocalVolumes;
}): Controller {
  return {
    name: "local-storage",
    async start(signal) {
      await view.start(signal);
      if (signal.aborted) return;
      await local.sweep(new Set(view.volumes.list().map(({ metadata }) => metadata.name ?? "")));
      await ensureStandardClass(client);
    },
  };
}
