import type { Admission } from "@headrace/apiserver";
import type { Client } from "@headrace/client";
import { Pod, ServiceAccount } from "@headrace/k8s";
import { ApiError, type KubeObject } from "@headrace/model";
import { ifPresent } from "@headrace/runtime";

/**
 * Every pod runs as a service account of its namespace: `default` unless it names another, and refused if that is not there
 * (upstream's ServiceAccount admission). Whether it gets a token, which the node mounts, the account says where the pod does not.
 */
export function serviceAccountAdmission(client: Client): Admission {
  return {
    name: "ServiceAccount",
    async mutate({ definition, operation, subresource, object, namespace, name }) {
      if (definition !== Pod || operation !== "CREATE" || subresource !== "") return object;
      const { spec } = object as Pod;
      const accountName = spec.serviceAccountName || "default";
      const account = await ifPresent(client.resource(ServiceAccount).get({ namespace, name: accountName }));
      if (account === undefined) {
        throw new ApiError(
          "Forbidden",
          `pods "${name}" is forbidden: error looking up service account ${namespace}/${accountName}: serviceaccount "${accountName}" not found`,
          { name, kind: "pods" },
        );
      }
      const mounts = spec.automountServiceAccountToken ?? account.automountServiceAccountToken;
      return {
        ...object,
        spec: {
          ...spec,
          serviceAccountName: accountName,
          serviceAccount: accountName,
          ...(mounts !== undefined && { automountServiceAccountToken: mounts }),
        },
      } as KubeObject;
    },
  };
}
