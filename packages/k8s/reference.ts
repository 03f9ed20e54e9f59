import { s, type TypeOf } from "@headrace/model";

export const conditionStatus = s.string({ enum: ["True", "False", "Unknown"] });

/** The name of a LocalObjectReference that Go embeds: beside the other fields in JSON, a message of its own in protobuf. */
export const referenceName = s.at([1, 1], s.orZero(s.string(), ""));

export const localObjectReference = s.object(
  { name: s.at(1, s.orZero(s.string(), "")) },
  {},
  { name: "io.k8s.api.core.v1.LocalObjectReference", atomic: true },
);
export type LocalObjectReference = TypeOf<typeof localObjectReference>;

export const objectReference = s.object(
  {},
  {
    kind: s.at(1, s.string()),
    namespace: s.at(2, s.string()),
    name: s.at(3, s.string()),
    uid: s.at(4, s.string()),
    apiVersion: s.at(5, s.string()),
    resourceVersion: s.at(6, s.string()),
    fieldPath: s.at(7, s.string()),
  },
  { name: "io.k8s.api.core.v1.ObjectReference", atomic: true },
);
export type ObjectReference = TypeOf<typeof objectReference>;

export const typedLocalObjectReference = s.object(
  { kind: s.at(2, s.orZero(s.string(), "")), name: s.at(3, s.orZero(s.string(), "")) },
  { apiGroup: s.pointer(1, s.string()) },
  { name: "io.k8s.api.core.v1.TypedLocalObjectReference", atomic: true },
);
export type TypedLocalObjectReference = TypeOf<typeof typedLocalObjectReference>;

export const typedObjectReference = s.object(
  { kind: s.at(2, s.orZero(s.string(), "")), name: s.at(3, s.orZero(s.string(), "")) },
  { apiGroup: s.pointer(1, s.string()), namespace: s.pointer(4, s.string()) },
  { name: "io.k8s.api.core.v1.TypedObjectReference" },
);
