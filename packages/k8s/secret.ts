import { cause, defineResource, own, s, type ResourceOf, type StatusCause } from "@headrace/model";
import { decodedSize, validateDataKeys, validateImmutable } from "./data-keys.ts";

/** `stringData` is for writing only: it is folded into `data` as base64 and never read back. */
export const Secret = defineResource({
  group: "",
  version: "v1",
  kind: "Secret",
  schemaName: "io.k8s.api.core.v1.Secret",
  builtIn: true,
  fields: {
    data: s.at(2, s.optional(s.map(s.bytes()))),
    type: s.at(3, s.withDefault(s.string(), "Opaque")),
    stringData: s.at(4, s.optional(s.map(s.string()))),
    immutable: s.pointer(5, s.optional(s.boolean())),
  },
  columns: [
    { name: "Type", value: (secret) => secret.type },
    { name: "Data", type: "integer", value: (secret) => Object.keys(secret.data ?? {}).length },
  ],
  selectableFields: ["type"],
  prepare(secret) {
    const { stringData, ...kept } = secret;
    if (!stringData) return secret;
    const folded = Object.entries(stringData).map(([key, text]) => [key, toBase64(text)] as const);
    return { ...kept, data: { ...secret.data, ...Object.fromEntries(folded) } };
  },
  validate: (secret, old) => [
    ...validateDataKeys([{ path: "data", values: secret.data, size: decodedSize }]),
    ...(own(typeRules, secret.type ?? "")?.(secret.data ?? {}, secret.metadata.annotations ?? {}) ?? []),
    ...(old && old.type !== secret.type ? [cause.invalid("type", secret.type, "field is immutable")] : []),
    ...(old ? validateImmutable(secret, old, ["data"]) : []),
  ],
});
export type Secret = ResourceOf<typeof Secret>;

type Texts = Readonly<Record<string, string>>;

const serviceAccountAnnotation = "kubernetes.io/service-account.name";

/** What a type promises its readers, by type. */
const typeRules: Readonly<Record<string, (data: Texts, annotations: Texts) => readonly StatusCause[]>> = {
  "kubernetes.io/service-account-token": (_data, annotations) =>
    annotations[serviceAccountAnnotation] ? [] : [cause.required(`metadata.annotations[${serviceAccountAnnotation}]`)],
  "kubernetes.io/dockercfg": (data) => jsonKey(data, ".dockercfg"),
  "kubernetes.io/dockerconfigjson": (data) => jsonKey(data, ".dockerconfigjson"),
  "kubernetes.io/basic-auth": (data) =>
    "username" in data || "password" in data
      ? []
      : [cause.required("data[username]"), cause.required("data[password]")],
  "kubernetes.io/ssh-auth": (data) => (data["ssh-privatekey"] ? [] : [cause.required("data[ssh-privatekey]")]),
  "kubernetes.io/tls": (data) =>
    ["tls.crt", "tls.key"].filter((key) => !(key in data)).map((key) => cause.required(`data[${key}]`)),
};

function jsonKey(data: Texts, key: string): readonly StatusCause[] {
  const value = data[key];
  if (value === undefined) return [cause.required(`data[${key}]`)];
  try {
    JSON.parse(fromBase64(value));
    return [];
  } catch {
    return [cause.invalid(`data[${key}]`, "<secret contents redacted>", "must be valid JSON")];
  }
}

function toBase64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

function fromBase64(text: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(text));
}
