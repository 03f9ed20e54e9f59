import { cause, defineResource, s, type ResourceOf } from "@headrace/model";
import { decodedSize, textSize, validateDataKeys, validateImmutable } from "./data-keys.ts";

export const ConfigMap = defineResource({
  group: "",
  version: "v1",
  kind: "ConfigMap",
  schemaName: "io.k8s.api.core.v1.ConfigMap",
  shortNames: ["cm"],
  builtIn: true,
  fields: {
    data: s.at(2, s.optional(s.map(s.string()))),
    binaryData: s.at(3, s.optional(s.map(s.bytes()))),
    immutable: s.pointer(4, s.optional(s.boolean())),
  },
  columns: [
    {
      name: "Data",
      type: "integer",
      value: (map) => Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
    },
  ],
  validate: (map, old) => [
    ...validateDataKeys([
      { path: "data", values: map.data, size: textSize },
      { path: "binaryData", values: map.binaryData, size: decodedSize },
    ]),
    ...Object.keys(map.binaryData ?? {})
      .filter((key) => map.data && Object.hasOwn(map.data, key))
      .map((key) => cause.invalid(`data[${key}]`, key, "duplicate of key present in binaryData")),
    ...(old ? validateImmutable(map, old, ["data", "binaryData"]) : []),
  ],
});
export type ConfigMap = ResourceOf<typeof ConfigMap>;
