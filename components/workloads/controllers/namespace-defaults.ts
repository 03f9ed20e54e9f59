import type { Client } from "@headrace/client";
import { ConfigMap, Namespace, ServiceAccount } from "@headrace/k8s";
import { isApiError, type Clock, type Controller, type KubeObject, type ObjectKey } from "@headrace/model";
import {
  createController,
  createInformer,
  createOrGet,
  fromInformer,
  keyOf,
  updateLatest,
  type ControllerOptions,
  type Informer,
} from "@headrace/runtime";

export interface NamespaceDefaultsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly namespaces: Informer<Namespace>;
  /** PEM of the authority that signs the API server's certificate. */
  readonly rootCa: string;
  readonly onError: (error: unknown) => void;
  readonly onFailure?: ControllerOptions["onFailure"];
}

/** Namespaces that are always there. Those of Kubernetes, and the one that single-user Kubeflow lives in. */
export const defaultNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease", "kubeflow"];

const rootCaName = "kube-root-ca.crt";

/** Service accounts of a namespace besides `default`. */
const moreAccounts: Readonly<Record<string, readonly string[]>> = { kubeflow: ["pipeline-runner"] };

/** Keeps the default namespaces there, and in each namespace its service accounts and the authority's certificate. */
export function createNamespaceDefaults(options: NamespaceDefaultsOptions): Controller {
  const { client, clock, namespaces, rootCa, onError, onFailure } = options;
  const accountClient = client.resource(ServiceAccount);
  const configMapClient = client.resource(ConfigMap);
  const accounts = createInformer({ client: accountClient, clock, onError });
  const configMaps = createInformer({
    client: configMapClient,
    clock,
    fieldSelector: `metadata.name=${rootCaName}`,
    onError,
  });

  async function reconcile({ name }: ObjectKey): Promise<void> {
    const namespace = namespaces.get({ namespace: "", name });
    if (!namespace) {
      if (defaultNamespaces.includes(name)) await ensureNamespace(name);
      return;
    }
    if (namespace.metadata.deletionTimestamp !== undefined) return;
    for (const account of ["default", ...(moreAccounts[name] ?? [])]) await ensureAccount(name, account);
    await ensureRootCa(name);
  }

  async function ensureNamespace(name: string): Promise<void> {
    await createOrGet(client.resource(Namespace), {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
      spec: {},
    });
  }

  async function ensureAccount(namespace: string, name: string): Promise<void> {
    if (accounts.get({ namespace, name })) return;
    await createOrGet(accountClient, { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name } });
  }

  async function ensureRootCa(namespace: string): Promise<void> {
    const key = { namespace, name: rootCaName };
    const known = configMaps.get(key);
    const data = { "ca.crt": rootCa };
    if (!known) await createOrGet(configMapClient, { apiVersion: "v1", kind: "ConfigMap", metadata: key, data });
    else if (known.data?.["ca.crt"] !== rootCa) await updateLatest(configMapClient, key, (map) => ({ ...map, data }));
  }

  const namespaceOf = ({ metadata }: KubeObject): readonly ObjectKey[] => [
    { namespace: "", name: metadata.namespace ?? "" },
  ];

  const controller = createController({
    name: "namespace-defaults",
    clock,
    sources: [fromInformer(namespaces), fromInformer(accounts, namespaceOf), fromInformer(configMaps, namespaceOf)],
    async reconcile(key) {
      try {
        await reconcile(key);
      } catch (error) {
        // The namespace went, or is going: nothing is owed to it any more.
        if (!isApiError(error, "NotFound") && !isTerminating(error)) throw error;
      }
    },
    ...(onFailure && { onFailure }),
  });

  return {
    name: controller.name,
    async start(signal) {
      // Before anything else, for nothing can be created in a namespace that is not there.
      for (const name of defaultNamespaces) await ensureNamespace(name);
      await controller.start(signal);
      if (!signal.aborted) await Promise.all(namespaces.list().map((namespace) => settle(keyOf(namespace))));
    },
  };

  /** Once started, every namespace has what pods need, so that the first pod does not wait for it. */
  async function settle(key: ObjectKey): Promise<void> {
    try {
      await reconcile(key);
    } catch (error) {
      if (!isApiError(error)) throw error;
    }
  }
}

function isTerminating(error: unknown): boolean {
  return (
    isApiError(error, "Forbidden") &&
    (error.details?.causes ?? []).some(({ reason }) => reason === "NamespaceTerminating")
  );
}
