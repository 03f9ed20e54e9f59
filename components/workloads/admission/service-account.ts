import type { Admission } from "@headrace/apiserver";
import type { Client } from "@headrace/client";
import { Pod, ServiceAccount } from "@headrace/k8s";
import { ApiError, type KubeObject } from "@headrace/model";
import { ifPresent } from "@headrace/runtime";

/**
 * Every pod runs as a service account of its namespace: `default` unless it names another, and refused if that is not there
 * (upstream's ServiceAccount admission). The token itself is mounted by the node.
 */
export function serviceAccountAdmission(client: Client): Admission {
  return {
    name: "ServiceAccount",
    mutate({ definition, operation, subresource, object }) {
      if (definition !== Pod || operation !== "CREATE" || subresource !== "") return object;
      const { spec } = object as Pod;
      const name = spec.serviceAccountName ?? "default";
      return { ...object, spec: { ...spec, serviceAccountName: name, serviceAccount: name } } as KubeObject;
    },
    async validate({ definition, operation, subresource, object, namespace, name }) {
      if (definition !== Pod || operation !== "CREATE" || subresource !== "" || object === undefined) return;
      const account = (object as Pod).spec.serviceAccountName ?? "default";
      if ((await ifPresent(client.resource(ServiceAccount).get({ namespace, name: account }))) !== undefined) return;
      throw new ApiError(
        "Forbidden",
        `pods "${name}" is forbidden: error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
        { name, kind: "pods" },
      );
    },
  };
}
