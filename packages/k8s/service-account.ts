import { defineResource, s, type ResourceOf } from "@headrace/model";
import { localObjectReference, objectReference } from "./reference.ts";
import { tokenRequest } from "./token-request.ts";

export const ServiceAccount = defineResource({
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  schemaName: "io.k8s.api.core.v1.ServiceAccount",
  shortNames: ["sa"],
  builtIn: true,
  fields: {
    secrets: s.at(2, s.optional(s.listMap("name", objectReference))),
    imagePullSecrets: s.at(3, s.optional(s.list(localObjectReference))),
    automountServiceAccountToken: s.pointer(4, s.optional(s.boolean())),
  },
  subresources: [
    {
      name: "token",
      verbs: ["create"],
      kind: "TokenRequest",
      group: "authentication.k8s.io",
      version: "v1",
      schema: tokenRequest,
    },
  ],
  columns: [{ name: "Secrets", type: "integer", value: (account) => account.secrets?.length ?? 0 }],
});
export type ServiceAccount = ResourceOf<typeof ServiceAccount>;
