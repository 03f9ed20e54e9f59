import type { ObjectMeta } from "./object.ts";
import { s, type Schema } from "./schema.ts";

const ownerReference = s.object(
  {
    apiVersion: s.string({ nonEmpty: true }),
    kind: s.string({ nonEmpty: true }),
    name: s.string({ nonEmpty: true }),
    uid: s.string({ nonEmpty: true }),
  },
  { controller: s.boolean(), blockOwnerDeletion: s.boolean() },
  {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference",
    atomic: true,
    numbers: { kind: 1, name: 3, uid: 4, apiVersion: 5, controller: 6, blockOwnerDeletion: 7 },
  },
);

/** `fieldsV1` travels as raw JSON bytes in protobuf. */
const managedFieldsEntry = s.object(
  {},
  {
    manager: s.string(),
    operation: s.string(),
    apiVersion: s.string(),
    time: s.time(),
    fieldsType: s.string(),
    fieldsV1: s.preserveUnknown(),
    subresource: s.string(),
  },
  {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry",
    numbers: { manager: 1, operation: 2, apiVersion: 3, time: 4, fieldsType: 6, fieldsV1: 7, subresource: 8 },
  },
);

/** Every object's `metadata`. */
export const objectMeta: Schema<ObjectMeta> = s.object(
  {},
  {
    name: s.string(),
    generateName: s.string(),
    namespace: s.string(),
    selfLink: s.string(),
    uid: s.string(),
    resourceVersion: s.string(),
    generation: s.integer({ format: "int64" }),
    creationTimestamp: s.time(),
    deletionTimestamp: s.time(),
    deletionGracePeriodSeconds: s.integer({ format: "int64" }),
    labels: s.map(s.string()),
    annotations: s.map(s.string()),
    ownerReferences: s.listMap("uid", ownerReference),
    finalizers: s.list(s.string(), { listType: "set" }),
    managedFields: s.list(managedFieldsEntry),
  },
  {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
    numbers: {
      name: 1,
      generateName: 2,
      namespace: 3,
      selfLink: 4,
      uid: 5,
      resourceVersion: 6,
      generation: 7,
      creationTimestamp: 8,
      deletionTimestamp: 9,
      deletionGracePeriodSeconds: 10,
      labels: 11,
      annotations: 12,
      ownerReferences: 13,
      finalizers: 14,
      managedFields: 17,
    },
  },
);

/** metadata of a list. */
export const listMeta = s.object(
  {},
  {
    selfLink: s.string(),
    resourceVersion: s.string(),
    continue: s.string(),
    remainingItemCount: s.integer({ format: "int64" }),
  },
  {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
    numbers: { selfLink: 1, resourceVersion: 2, continue: 3, remainingItemCount: 4 },
  },
);
