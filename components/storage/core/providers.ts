import type { RemoteUri } from "@headrace/artifacts";
import { parse } from "yaml";
import { LauncherFault } from "./errors.ts";

/** Settings of upstream's ConfigMap `kfp-launcher`, read. */
export interface LauncherSettings {
  readonly pipelineRoot: string | undefined;
  readonly s3: S3Provider | undefined;
  readonly minio: S3Provider | undefined;
  readonly gs: GoogleProvider | undefined;
}

export interface S3Provider {
  readonly default: S3Settings;
  /** The first whose bucket and prefix match counts. */
  readonly overrides: readonly (Partial<S3Settings> & Override)[];
}

export interface GoogleProvider {
  readonly default: GoogleSettings | undefined;
  readonly overrides: readonly (GoogleSettings & Override)[];
}

interface Override {
  readonly bucketName: string;
  readonly keyPrefix: string;
}

export interface S3Settings {
  readonly endpoint: string;
  readonly region: string;
  readonly disableSSL: boolean;
  readonly forcePathStyle: boolean;
  readonly maxRetries: number;
  readonly credentials: S3SecretRef;
}

export interface S3SecretRef {
  readonly secretName: string;
  readonly accessKeyKey: string;
  readonly secretKeyKey: string;
}

export interface GoogleSettings {
  readonly credentials: { readonly secretName: string; readonly tokenKey: string };
}

/** Reads the ConfigMap's data as upstream's launcher does. Throws LauncherFault. */
export function readLauncherSettings(data: Readonly<Record<string, string>>): LauncherSettings {
  const providers = readYaml(data["providers"] ?? "");
  const unknown = Object.keys(providers).find((name) => !["s3", "minio", "gs"].includes(name));
  if (unknown !== undefined)
    throw new LauncherFault(`providers.${unknown}: Unsupported value: known are s3, minio and gs`);
  return {
    pipelineRoot: data["defaultPipelineRoot"] || undefined,
    s3: readS3(providers, "s3"),
    minio: readS3(providers, "minio"),
    gs: readGoogle(providers),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function readYaml(text: string): Fields {
  try {
    return fieldsOf(parse(text, { maxAliasCount: 10 }) ?? {}, "providers");
  } catch (error) {
    if (error instanceof LauncherFault) throw error;
    throw new LauncherFault(
      `providers: Invalid value: ${error instanceof Error ? error.message.split("\n")[0] : "no YAML"}`,
    );
  }
}

function readS3(providers: Fields, name: "s3" | "minio"): S3Provider | undefined {
  if (providers[name] === undefined || providers[name] === null) return undefined;
  const path = `providers.${name}`;
  const provider = fieldsOf(providers[name], path);
  const fields = fieldsOf(provider["default"] ?? {}, `${path}.default`);
  return {
    default: {
      endpoint: textOf(fields, "endpoint", `${path}.default`) ?? "",
      region: textOf(fields, "region", `${path}.default`) ?? "",
      disableSSL: flagOf(fields, "disableSSL", `${path}.default`) ?? false,
      forcePathStyle: flagOf(fields, "forcePathStyle", `${path}.default`) ?? true,
      maxRetries: numberOf(fields, "maxRetries", `${path}.default`) ?? 5,
      credentials: readS3Credentials(fields, `${path}.default`),
    },
    overrides: overridesOf(provider, path).map(({ fields: override, path: place }) => {
      const settings = {
        endpoint: textOf(override, "endpoint", place),
        region: textOf(override, "region", place),
        disableSSL: flagOf(override, "disableSSL", place),
        forcePathStyle: flagOf(override, "forcePathStyle", place),
        maxRetries: numberOf(override, "maxRetries", place),
      };
      const said = Object.entries(settings).filter(([, value]) => value !== undefined);
      return {
        ...placeOf(override, place),
        ...Object.fromEntries(said),
        credentials: readS3Credentials(override, place),
      };
    }),
  };
}

function readGoogle(providers: Fields): GoogleProvider | undefined {
  if (providers["gs"] === undefined || providers["gs"] === null) return undefined;
  const provider = fieldsOf(providers["gs"], "providers.gs");
  const fields = provider["default"] === undefined ? undefined : fieldsOf(provider["default"], "providers.gs.default");
  return {
    default: fields && { credentials: readGoogleCredentials(fields, "providers.gs.default") },
    overrides: overridesOf(provider, "providers.gs").map(({ fields: override, path }) => ({
      ...placeOf(override, path),
      credentials: readGoogleCredentials(override, path),
    })),
  };
}

/** Upstream reads the name without looking at its case. */
function overridesOf(provider: Fields, path: string): readonly { fields: Fields; path: string }[] {
  const list = provider["overrides"] ?? provider["Overrides"] ?? [];
  if (!Array.isArray(list)) throw new LauncherFault(`${path}.overrides: Invalid value: must be a list`);
  return list.map((item, index) => {
    const place = `${path}.overrides[${index}]`;
    return { fields: fieldsOf(item, place), path: place };
  });
}

function placeOf(fields: Fields, path: string): Override {
  const bucketName = textOf(fields, "bucketName", path);
  if (bucketName === undefined) throw new LauncherFault(`${path}.bucketName: Required value`);
  return { bucketName, keyPrefix: textOf(fields, "keyPrefix", path) ?? "" };
}

function readS3Credentials(fields: Fields, path: string): S3SecretRef {
  const reference = secretRefOf(fields, path);
  return {
    secretName: required(reference, "secretName", path),
    accessKeyKey: required(reference, "accessKeyKey", path),
    secretKeyKey: required(reference, "secretKeyKey", path),
  };
}

function readGoogleCredentials(fields: Fields, path: string): GoogleSettings["credentials"] {
  const reference = secretRefOf(fields, path);
  return { secretName: required(reference, "secretName", path), tokenKey: required(reference, "tokenKey", path) };
}

function secretRefOf(fields: Fields, path: string): Fields {
  const credentials = fieldsOf(fields["credentials"] ?? {}, `${path}.credentials`);
  if (flagOf(credentials, "fromEnv", `${path}.credentials`) === true) {
    throw new LauncherFault(
      `${path}.credentials.fromEnv: Unsupported value: true: Headrace lends its own credentials to nobody; put the keys into a Secret and name it in secretRef`,
    );
  }
  if (credentials["secretRef"] === undefined) throw new LauncherFault(`${path}.credentials.secretRef: Required value`);
  return fieldsOf(credentials["secretRef"], `${path}.credentials.secretRef`);
}

function required(reference: Fields, name: string, path: string): string {
  const place = `${path}.credentials.secretRef`;
  const value = textOf(reference, name, place);
  if (value === undefined) throw new LauncherFault(`${place}.${name}: Required value`);
  return value;
}

function fieldsOf(value: unknown, path: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new LauncherFault(`${path}: Invalid value: must be a mapping`);
}

function textOf(fields: Fields, name: string, path: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw new LauncherFault(`${path}.${name}: Invalid value: must be text`);
}

/** Upstream's own examples write flags as text. */
function flagOf(fields: Fields, name: string, path: string): boolean | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw new LauncherFault(`${path}.${name}: Invalid value: must be true or false`);
}

function numberOf(fields: Fields, name: string, path: string): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 20) return value;
  throw new LauncherFault(`${path}.${name}: Invalid value: must be a number from 0 to 20`);
}

/** What holds for a bucket and key: the default, with what the first matching override says differently. */
export function settingsFor(provider: S3Provider, uri: RemoteUri): S3Settings {
  return { ...provider.default, ...overrideFor(provider.overrides, uri) };
}

export function googleSettingsFor(provider: GoogleProvider, uri: RemoteUri): GoogleSettings | undefined {
  return overrideFor(provider.overrides, uri) ?? provider.default;
}

function overrideFor<O extends Override>(overrides: readonly O[], { bucket, key }: RemoteUri): O | undefined {
  return overrides.find(({ bucketName, keyPrefix }) => bucketName === bucket && key.startsWith(keyPrefix));
}

/** Where an endpoint is: as upstream writes it, with or without a scheme. Undefined if it is none. */
export function endpointOf({ endpoint, region, disableSSL }: S3Settings): URL | undefined {
  const scheme = disableSSL ? "http" : "https";
  const isAmazon = endpoint === "" || /^(https?:\/\/)?s3\.amazonaws\.com$/.test(endpoint);
  const place = isAmazon ? `s3.${region || "us-east-1"}.amazonaws.com` : endpoint;
  const text = /^https?:\/\//.test(place) ? place : `${scheme}://${place}`;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === "" && url.password === "" ? new URL(url.origin) : undefined;
}
