import { s, type TypeOf } from "@headrace/model";
import { referenceName } from "./reference.ts";

export const configMapKeySelector = s.object(
  { name: referenceName, key: s.at(2, s.string({ nonEmpty: true })) },
  { optional: s.pointer(3, s.boolean()) },
  { name: "io.k8s.api.core.v1.ConfigMapKeySelector", atomic: true },
);
export type ConfigMapKeySelector = TypeOf<typeof configMapKeySelector>;

export const secretKeySelector = s.object(
  { name: referenceName, key: s.at(2, s.string({ nonEmpty: true })) },
  { optional: s.pointer(3, s.boolean()) },
  { name: "io.k8s.api.core.v1.SecretKeySelector", atomic: true },
);
export type SecretKeySelector = TypeOf<typeof secretKeySelector>;

export const objectFieldSelector = s.object(
  { fieldPath: s.at(2, s.string({ nonEmpty: true })) },
  { apiVersion: s.at(1, s.withDefault(s.string(), "v1")) },
  { name: "io.k8s.api.core.v1.ObjectFieldSelector", atomic: true },
);
export type ObjectFieldSelector = TypeOf<typeof objectFieldSelector>;

export const resourceFieldSelector = s.object(
  { resource: s.at(2, s.string({ nonEmpty: true })) },
  { containerName: s.at(1, s.string()), divisor: s.at(3, s.withDefault(s.quantity(), "0")) },
  { name: "io.k8s.api.core.v1.ResourceFieldSelector", atomic: true },
);
export type ResourceFieldSelector = TypeOf<typeof resourceFieldSelector>;

export const envVarSource = s.object(
  {},
  {
    fieldRef: s.at(1, objectFieldSelector),
    resourceFieldRef: s.at(2, resourceFieldSelector),
    configMapKeyRef: s.at(3, configMapKeySelector),
    secretKeyRef: s.at(4, secretKeySelector),
  },
  { name: "io.k8s.api.core.v1.EnvVarSource" },
);
export type EnvVarSource = TypeOf<typeof envVarSource>;

export const envVar = s.object(
  { name: s.at(1, s.string({ nonEmpty: true })) },
  { value: s.at(2, s.string()), valueFrom: s.at(3, envVarSource) },
  { name: "io.k8s.api.core.v1.EnvVar" },
);
export type EnvVar = TypeOf<typeof envVar>;

const configMapEnvSource = s.object(
  { name: referenceName },
  { optional: s.pointer(2, s.boolean()) },
  { name: "io.k8s.api.core.v1.ConfigMapEnvSource" },
);

const secretEnvSource = s.object(
  { name: referenceName },
  { optional: s.pointer(2, s.boolean()) },
  { name: "io.k8s.api.core.v1.SecretEnvSource" },
);

export const envFromSource = s.object(
  {},
  { prefix: s.at(1, s.string()), configMapRef: s.at(2, configMapEnvSource), secretRef: s.at(3, secretEnvSource) },
  { name: "io.k8s.api.core.v1.EnvFromSource" },
);
export type EnvFromSource = TypeOf<typeof envFromSource>;
