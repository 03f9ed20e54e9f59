import { objectMeta, s, type TypeOf } from "@headrace/model";
import { deleteOptions } from "./delete-options.ts";
import { objectReference } from "./reference.ts";

/** Body of `pods/binding`: the node that the scheduler chose. */
export const binding = s.object(
  { apiVersion: s.string(), kind: s.string(), target: s.at(2, objectReference) },
  { metadata: s.at(1, objectMeta) },
  { name: "io.k8s.api.core.v1.Binding" },
);
export type Binding = TypeOf<typeof binding>;

/** Body of `pods/eviction`: a delete that disruption budgets may refuse. */
export const eviction = s.object(
  { apiVersion: s.string(), kind: s.string() },
  { metadata: s.at(1, objectMeta), deleteOptions: s.at(2, deleteOptions) },
  { name: "io.k8s.api.policy.v1.Eviction" },
);
export type Eviction = TypeOf<typeof eviction>;
