import type { ObjectMeta } from "./object.ts";
import { s, type Schema } from "./schema.ts";

const ownerReference = s.object(
  {
    apiVersion: s.at(5, s.string({ nonEmpty: true })),
    kind: s.at(1, s.string({ nonEmpty: true })),
    name: s.at(3, s.string({ nonEmpty: true })),
    uid: s.at(4, s.string({ nonEmpty: true })),
  },
  { controller: s.pointer(6, s.boolean()), blockOwnerDeletion: s.pointer(7, s.boolean()) },
  {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference",
    atomic: true,
  },
);

/** `fieldsV1` travels as raw JSON bytes in protobuf. */
const managedFieldsEntry = s.object(
  {},
  {
    manager: s.at(1, s.string()),
    operation: s.at(2, s.string()),
    apiVersion: s.at(3, s.string()),
    time: s.at(4, s.time()),
    fieldsType: s.at(6, s.string()),
    fieldsV1: s.at(7, s.preserveUnknown()),
    subresource: s.at(8, s.string()),
  },
  {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry",
  },
);

/** Every object's `metadata`. */
export const objectMeta: Schema<ObjectMeta> = s.object(
  {},
  {
    name: s.at(1, s.string()),
    generateName: s.at(2, s.string()),
    namespace: s.at(3, s.string()),
    selfLink: s.at(4, s.string()),
    uid: s.at(5, s.string()),
    resourceVersion: s.at(6, s.string()),
    generation: s.at(7, s.integer({ format: "int64" })),
    creationTimestamp: s.at(8, s.time()),
    deletionTimestamp: s.at(9, s.time()),
    deletionGracePeriodSeconds: s.pointer(10, s.integer({ format: "int64" })),
    labels: s.at(11, s.map(s.string())),
    annotations: s.at(12, s.map(s.string())),
    ownerReferences: s.at(13, s.listMap("uid", ownerReference)),
    finalizers: s.at(14, s.list(s.string(), { listType: "set" })),
    managedFields: s.at(17, s.list(managedFieldsEntry)),
  },
  {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
  },
);

/** metadata of a list. */
export const listMeta = s.object(
  {},
  {
    selfLink: s.at(1, s.string()),
    resourceVersion: s.at(2, s.string()),
    continue: s.at(3, s.string()),
    remainingItemCount: s.pointer(4, s.integer({ format: "int64" })),
  },
  {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
  },
);
