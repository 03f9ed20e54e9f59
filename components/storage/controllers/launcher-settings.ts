import type { Provider, RemoteUri } from "@headrace/artifacts";
import type { Client } from "@headrace/client";
import { ConfigMap, Secret } from "@headrace/k8s";
import { badRequest, type Clock, type Controller, isApiError } from "@headrace/model";
import { createInformer } from "@headrace/runtime";
import { LauncherFault } from "../core/errors.ts";
import {
  endpointOf,
  googleSettingsFor,
  type LauncherSettings,
  readLauncherSettings,
  settingsFor,
} from "../core/providers.ts";

/** The ConfigMap by which a namespace says where its artifacts are, as upstream names it. */
const configName = "kfp-launcher";

export interface Launcher {
  readonly controller: Controller;
  /** Where the namespace keeps what a URI names. */
  provider(namespace: string, uri: RemoteUri): Provider;
  /** The pipeline root that the namespace has set up, if it has. */
  pipelineRoot(namespace: string): string | undefined;
}

export interface LauncherOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** `host:port` of our own object store: what is said to be there is kept here. */
  readonly ownEndpoints: ReadonlySet<string>;
  readonly onError: (error: unknown) => void;
}

interface Known {
  readonly resourceVersion: string | undefined;
  readonly settings: LauncherSettings | { readonly fault: string };
  /** By what of the settings holds: the same object as long as nothing changes. */
  readonly providers: Map<string, Provider>;
}

/** Follows the namespaces' settings. What is changed counts for the next use. */
export function createLauncher({ client, clock, ownEndpoints, onError }: LauncherOptions): Launcher {
  const configs = createInformer({
    client: client.resource(ConfigMap),
    clock,
    fieldSelector: `metadata.name=${configName}`,
    onError,
  });
  const read = new Map<string, Known>();

  function knownOf(namespace: string): Known | undefined {
    const config = configs.get({ namespace, name: configName });
    if (!config) {
      read.delete(namespace);
      return undefined;
    }
    const known = read.get(namespace);
    const { resourceVersion } = config.metadata;
    if (known?.resourceVersion === resourceVersion) return known;
    const made = { resourceVersion, settings: readSafely(config.data ?? {}), providers: new Map<string, Provider>() };
    read.set(namespace, made);
    return made;
  }

  async function secretText(namespace: string, name: string, field: string): Promise<string> {
    try {
      const { data = {} } = await client.resource(Secret).get({ namespace, name });
      if (data[field] !== undefined) return Buffer.from(data[field], "base64").toString("utf8").trim();
    } catch (error) {
      if (!isApiError(error, "NotFound")) throw error;
      throw badRequest(`Cannot read secret "${name}" of namespace "${namespace}": it is not there`, { cause: error });
    }
    throw badRequest(`Cannot read secret "${name}" of namespace "${namespace}": it has no key "${field}"`);
  }

  function provider(namespace: string, uri: RemoteUri): Provider {
    const known = knownOf(namespace);
    if (!known) return unset(namespace, uri);
    const { settings } = known;
    if ("fault" in settings)
      return { kind: "none", reason: `ConfigMap "${configName}" of namespace "${namespace}": ${settings.fault}` };
    if (uri.scheme === "gs") return googleProvider(namespace, known, settings, uri);
    const configured = uri.scheme === "s3" ? settings.s3 : settings.minio;
    if (!configured) return unset(namespace, uri);
    const chosen = settingsFor(configured, uri);
    const endpoint = endpointOf(chosen);
    if (!endpoint)
      return { kind: "none", reason: `providers.${uri.scheme}: endpoint: Invalid value: "${chosen.endpoint}"` };
    if (ownEndpoints.has(endpoint.host)) {
      return uri.scheme === "minio"
        ? { kind: "local" }
        : { kind: "none", reason: `${endpoint.host} is Headrace's own store: name what lies there with minio://` };
    }
    const { secretName, accessKeyKey, secretKeyKey } = chosen.credentials;
    return remembered(known, JSON.stringify(chosen), () => ({
      kind: "s3",
      endpoint,
      region: chosen.region || "us-east-1",
      pathStyle: chosen.forcePathStyle,
      retries: chosen.maxRetries,
      key: async () => ({
        accessKey: await secretText(namespace, secretName, accessKeyKey),
        secretKey: await secretText(namespace, secretName, secretKeyKey),
      }),
    }));
  }

  function googleProvider(namespace: string, known: Known, settings: LauncherSettings, uri: RemoteUri): Provider {
    const chosen = settings.gs && googleSettingsFor(settings.gs, uri);
    if (!chosen) return unset(namespace, uri);
    const { secretName, tokenKey } = chosen.credentials;
    return remembered(known, `gs ${secretName} ${tokenKey}`, () => ({
      kind: "gcs",
      keyFile: () => secretText(namespace, secretName, tokenKey),
    }));
  }

  return {
    controller: { name: "storage-launcher-settings", start: (signal) => configs.start(signal) },
    provider,
    pipelineRoot(namespace) {
      const settings = knownOf(namespace)?.settings;
      return settings && "pipelineRoot" in settings ? settings.pipelineRoot : undefined;
    },
  };
}

/** As many as the settings name, at most. */
function remembered({ providers }: Known, name: string, make: () => Provider): Provider {
  const found = providers.get(name) ?? make();
  providers.set(name, found);
  return found;
}

function unset(namespace: string, { scheme }: RemoteUri): Provider {
  if (scheme === "minio") return { kind: "local" };
  return {
    kind: "none",
    reason: `no provider is configured for ${scheme}:// URIs; set providers.${scheme} in ConfigMap "${configName}" of namespace "${namespace}"`,
  };
}

function readSafely(data: Readonly<Record<string, string>>): Known["settings"] {
  try {
    return readLauncherSettings(data);
  } catch (error) {
    if (error instanceof LauncherFault) return { fault: error.message };
    throw error;
  }
}
