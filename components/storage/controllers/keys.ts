import { randomBytes } from "node:crypto";
import type { Client } from "@headrace/client";
import { Namespace, Secret } from "@headrace/k8s";
import { isApiError, type Clock, type Controller, type ObjectKey } from "@headrace/model";
import { createController, createInformer, createOrGet, fromInformer, type ControllerOptions } from "@headrace/runtime";

/** The secret with a namespace's key to the object store, as upstream names it and its fields. */
const keySecretName = "mlpipeline-minio-artifact";
const accessField = "accesskey";
const secretField = "secretkey";

/** Namespaces of Kubernetes itself, in which nobody's steps run. */
const without = new Set(["kube-system", "kube-public", "kube-node-lease"]);

/** A namespace's key to the object store. */
export interface NamespaceKey {
  readonly namespace: string;
  readonly secret: string;
}

export interface Keys {
  readonly controller: Controller;
  readonly hasSynced: boolean;
  /** Usually one; several namespaces may have been given the same name by hand. */
  find(accessKey: string): readonly NamespaceKey[];
}

export interface KeysOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly onFailure: NonNullable<ControllerOptions["onFailure"]>;
}

/** Gives each namespace a key of its own, and knows them all. A key that is changed in its secret counts from then on. */
export function createKeys({ client, clock, onError, onFailure }: KeysOptions): Keys {
  const secretClient = client.resource(Secret);
  const namespaces = createInformer({ client: client.resource(Namespace), clock, onError });
  const secrets = createInformer({
    client: secretClient,
    clock,
    fieldSelector: `metadata.name=${keySecretName}`,
    indices: { accessKey: (secret: Secret) => [textOf(secret, accessField)] },
    onError,
  });

  async function ensureKey({ name }: ObjectKey): Promise<void> {
    const namespace = namespaces.get({ namespace: "", name });
    if (!namespace || namespace.metadata.deletionTimestamp !== undefined || without.has(name)) return;
    if (secrets.get({ namespace: name, name: keySecretName })) return;
    await createOrGet(secretClient, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: name, name: keySecretName },
      type: "Opaque",
      stringData: {
        [accessField]: `HR${randomBytes(9).toString("hex").toUpperCase()}`,
        [secretField]: randomBytes(30).toString("base64url"),
      },
    });
  }

  return {
    get hasSynced() {
      return secrets.hasSynced;
    },
    find: (accessKey) =>
      secrets.byIndex("accessKey", accessKey).flatMap((secret) => {
        const text = textOf(secret, secretField);
        return text === "" ? [] : [{ namespace: secret.metadata.namespace ?? "", secret: text }];
      }),
    controller: createController({
      name: "storage-keys",
      clock,
      sources: [
        fromInformer(namespaces),
        fromInformer(secrets, ({ metadata }) => [{ namespace: "", name: metadata.namespace ?? "" }]),
      ],
      async reconcile(key) {
        try {
          await ensureKey(key);
        } catch (error) {
          // The namespace went, or is going: nothing is owed to it any more.
          if (!isApiError(error, "NotFound") && !isApiError(error, "Forbidden")) throw error;
        }
      },
      onFailure,
    }),
  };
}

function textOf(secret: Secret, field: string): string {
  return Buffer.from(secret.data?.[field] ?? "", "base64").toString("utf8");
}
