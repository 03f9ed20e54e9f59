import type { Admission } from "@headrace/apiserver";
import type { Client } from "@headrace/client";
import { PersistentVolumeClaim, StorageClass } from "@headrace/k8s";
import { ApiError, compareQuantities, type KubeObject } from "@headrace/model";
import { defaultClass } from "../core/claim-plan.ts";

/** Gives claims that name no class the default one, and lets only those grow whose class says that they may. */
export function storageAdmission(client: Client): Admission {
  const classes = async () => (await client.resource(StorageClass).list()).items;
  return {
    name: "Storage",
    async mutate({ definition, operation, subresource, object }) {
      if (definition !== PersistentVolumeClaim || operation !== "CREATE" || subresource !== "") return object;
      const { spec } = object as PersistentVolumeClaim;
      if (spec.storageClassName !== undefined) return object;
      const standard = defaultClass(await classes())?.metadata.name;
      if (standard === undefined) return object;
      return { ...object, spec: { ...spec, storageClassName: standard } } as KubeObject;
    },
    async validate({ definition, operation, subresource, object, old, name }) {
      if (definition !== PersistentVolumeClaim || operation !== "UPDATE" || subresource !== "") return;
      if (!object || !old || compareQuantities(storageOf(object), storageOf(old)) <= 0) return;
      const { storageClassName } = (old as PersistentVolumeClaim).spec;
      const mayGrow = (await classes()).some(
        ({ metadata, allowVolumeExpansion }) => metadata.name === storageClassName && allowVolumeExpansion,
      );
      if (mayGrow) return;
      throw new ApiError(
        "Forbidden",
        `persistentvolumeclaims "${name}" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize`,
        { name, kind: "persistentvolumeclaims" },
      );
    },
  };
}

const storageOf = (claim: KubeObject): string =>
  (claim as PersistentVolumeClaim).spec.resources?.requests?.["storage"] ?? "0";
