import { closeSync, constants, lstatSync, mkdirSync, openSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type {
  ConfigMap,
  Container,
  KeyToPath,
  Pod,
  Secret,
  Volume,
  VolumeMount,
  VolumeProjection,
} from "@headrace/k8s";
import type { Clock, Ids } from "@headrace/model";
import type { Mount } from "@headrace/sandbox";
import type { FindClaim } from "./claims.ts";
import { fieldValue, resourceValue } from "./downward.ts";
import { ContainerConfigError, UnsupportedError } from "./errors.ts";
import { type ProjectedFile, writeProjection } from "./projection.ts";
import { quantity } from "./quantities.ts";
import { type Share, sharedPath } from "./shared-paths.ts";
import { expand, fromBase64, type NodeFacts, type References } from "./variables.ts";

/** Issues tokens bound to a pod: they are void once it is gone. */
export interface TokenIssuer {
  issue(request: {
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly pod: { readonly name: string; readonly uid: string };
    readonly audience: string | undefined;
    readonly expirationSeconds: number;
  }): Promise<{ readonly token: string; readonly expiresAt: number }>;
}

export interface VolumeContext {
  readonly references: References;
  readonly findClaim: FindClaim;
  readonly tokens: TokenIssuer;
  /** The certificate authority of the API server, for `ca.crt`. */
  readonly certificateAuthority: string;
  readonly shares: readonly Share[];
  readonly clock: Clock;
  readonly ids: Ids;
}

type Prepared =
  | {
      readonly kind: "directory";
      readonly path: string;
      readonly readOnly: boolean;
      /** Made of objects: nobody but us writes there, and links are our own. */
      readonly projected?: true;
    }
  | { readonly kind: "memory"; readonly sizeBytes: number };

const serviceAccountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const serviceAccountVolume = "kube-api-access";
const defaultTokenSeconds = 3607;
const defaultMemoryBytes = 1 << 30;
/** A token is renewed when this part of its life is over. */
const renewAfter = 0.8;

/** The volumes of one pod, on the host's side. */
export class PodVolumes {
  readonly #directory: string;
  readonly #projections: string;
  readonly #context: VolumeContext;
  readonly #volumes: ReadonlyMap<string, Volume>;
  readonly #prepared = new Map<string, Prepared>();
  readonly #mountsToken: boolean;
  /** By audience and life: a token is asked for again only when it is due. */
  readonly #tokens = new Map<string, { readonly token: string; readonly renewAt: number }>();
  /** When the first token has to be renewed; undefined without any. */
  renewAt: number | undefined;

  /** `directory` is the pod's own, for what lives and dies with it; beneath `projections` goes what is made of objects and tokens. */
  constructor(
    pod: Pod,
    { directory, projections }: { readonly directory: string; readonly projections: string },
    context: VolumeContext,
  ) {
    this.#directory = directory;
    this.#projections = projections;
    this.#context = context;
    this.#mountsToken = mountsOwnToken(pod);
    const volumes = new Map((pod.spec.volumes ?? []).map((volume) => [volume.name, volume] as const));
    if (this.#mountsToken) volumes.set(serviceAccountVolume, ownTokenVolume());
    this.#volumes = volumes;
  }

  /** Makes every volume ready; called again, it brings what is made from objects up to date. Throws ContainerConfigError for what is missing, UnsupportedError for what never will be. */
  async prepare(pod: Pod, facts: NodeFacts): Promise<void> {
    this.renewAt = undefined;
    await Promise.all(
      [...this.#volumes.values()].map(async (volume) => {
        this.#prepared.set(volume.name, await this.#prepareOne(pod, volume, facts));
      }),
    );
  }

  /** Whether labels and annotations of the pod show in its volumes. */
  get showsMetadata(): boolean {
    return [...this.#volumes.values()].some(
      ({ downwardAPI, projected }) =>
        downwardAPI !== undefined || projected?.sources?.some((source) => source.downwardAPI !== undefined),
    );
  }

  /** Whether a change of this object concerns the volumes. */
  refersTo(kind: "ConfigMap" | "Secret", name: string): boolean {
    return [...this.#volumes.values()].some((volume) => {
      const sources = volume.projected?.sources ?? [];
      return kind === "ConfigMap"
        ? volume.configMap?.name === name || sources.some((source) => source.configMap?.name === name)
        : volume.secret?.secretName === name || sources.some((source) => source.secret?.name === name);
    });
  }

  /** Mounts of one container, parents before their children. */
  mounts(container: Container, variables: Readonly<Record<string, string>>): Mount[] {
    const own = container.volumeMounts ?? [];
    const token: VolumeMount[] =
      this.#mountsToken && !own.some(({ mountPath }) => mountPath === serviceAccountPath)
        ? [{ name: serviceAccountVolume, mountPath: serviceAccountPath, readOnly: true }]
        : [];
    return [...own, ...token].map((mount) => this.#mount(container, mount, variables));
  }

  #mount(container: Container, mount: VolumeMount, variables: Readonly<Record<string, string>>): Mount {
    const prepared = this.#prepared.get(mount.name);
    if (prepared === undefined) {
      throw new ContainerConfigError(
        "CreateContainerConfigError",
        `volumeMount "${mount.name}" of container "${container.name}" names no volume`,
      );
    }
    const subPath = mount.subPathExpr ? expand(mount.subPathExpr, variables) : mount.subPath;
    if (prepared.kind === "memory") {
      if (subPath)
        throw new UnsupportedError(
          `subPath of volumeMount "${mount.name}"`,
          "is not there in an emptyDir in memory",
          "Use an emptyDir on disk",
        );
      return { kind: "tmpfs", target: mount.mountPath, sizeBytes: prepared.sizeBytes };
    }
    const place = subPath ? beneath(prepared, subPath, mount.name) : { source: prepared.path };
    return {
      kind: "bind",
      ...place,
      target: mount.mountPath,
      readOnly: prepared.readOnly || mount.readOnly === true,
    };
  }

  async #prepareOne(pod: Pod, volume: Volume, facts: NodeFacts): Promise<Prepared> {
    const namespace = pod.metadata.namespace ?? "";
    const path = join(this.#projections, volume.name);
    if (volume.configMap !== undefined) {
      const { name, optional, items, defaultMode } = volume.configMap;
      const files = await this.#configMapFiles(namespace, name ?? "", items, optional === true);
      return this.#project(path, files, defaultMode);
    }
    if (volume.secret !== undefined) {
      const { secretName, optional, items, defaultMode } = volume.secret;
      const files = await this.#secretFiles(namespace, secretName ?? "", items, optional === true);
      return this.#project(path, files, defaultMode);
    }
    if (volume.downwardAPI !== undefined) {
      const files = downwardFiles(pod, volume.downwardAPI.items ?? [], facts);
      return this.#project(path, files, volume.downwardAPI.defaultMode);
    }
    if (volume.projected !== undefined) {
      const sources = await Promise.all(
        (volume.projected.sources ?? []).map((source) => this.#projectedFiles(pod, source, facts)),
      );
      return this.#project(path, sources.flat(), volume.projected.defaultMode);
    }
    if (volume.persistentVolumeClaim !== undefined) {
      const { claimName, readOnly } = volume.persistentVolumeClaim;
      return this.#claim(pod, volume.name, { name: claimName, ephemeral: false, readOnly: readOnly === true });
    }
    if (volume.ephemeral !== undefined) {
      const name = `${pod.metadata.name}-${volume.name}`;
      return this.#claim(pod, volume.name, { name, ephemeral: true, readOnly: false });
    }
    if (volume.hostPath !== undefined) {
      const field = `spec.volumes "${volume.name}".hostPath`;
      return { kind: "directory", ...sharedPath(field, volume.hostPath.path, this.#context.shares) };
    }
    if (isEmptyDir(volume)) return emptyDirectory(pod, volume, join(this.#directory, volume.name));
    const kind = Object.keys(volume).find((key) => key !== "name") ?? "volume";
    throw new UnsupportedError(
      `spec.volumes "${volume.name}" of kind ${kind}`,
      "is not there on this node",
      "Use emptyDir, configMap, secret, projected, downwardAPI, persistentVolumeClaim or ephemeral",
    );
  }

  /** Once found, a claim's place stays the pod's until its end. */
  async #claim(
    pod: Pod,
    volume: string,
    { readOnly, ...claim }: { readonly name: string; readonly ephemeral: boolean; readonly readOnly: boolean },
  ): Promise<Prepared> {
    const known = this.#prepared.get(volume);
    if (known) return known;
    const found = await this.#context.findClaim(pod, claim);
    return { kind: "directory", path: found.path, readOnly: found.readOnly || readOnly };
  }

  #project(path: string, files: readonly FileWish[], defaultMode: number | undefined): Prepared {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    const whole: ProjectedFile[] = files.map((file) => ({ ...file, mode: file.mode ?? defaultMode ?? 0o644 }));
    writeProjection(path, whole, this.#context.ids);
    return { kind: "directory", path, readOnly: true, projected: true };
  }

  async #projectedFiles(pod: Pod, source: VolumeProjection, facts: NodeFacts): Promise<FileWish[]> {
    const namespace = pod.metadata.namespace ?? "";
    if (source.configMap !== undefined) {
      const { name, items, optional } = source.configMap;
      // Every namespace's copy of the API server's certificate authority; it may come later than the namespace's first pod.
      if (name === "kube-root-ca.crt" && items?.length === 1 && items[0]?.key === "ca.crt") {
        return [{ path: items[0].path, content: Buffer.from(this.#context.certificateAuthority), mode: items[0].mode }];
      }
      return this.#configMapFiles(namespace, name ?? "", items, optional === true);
    }
    if (source.secret !== undefined) {
      return this.#secretFiles(
        namespace,
        source.secret.name ?? "",
        source.secret.items,
        source.secret.optional === true,
      );
    }
    if (source.downwardAPI !== undefined) return downwardFiles(pod, source.downwardAPI.items ?? [], facts);
    if (source.serviceAccountToken !== undefined) {
      const { path, audience, expirationSeconds } = source.serviceAccountToken;
      return [
        {
          path,
          content: Buffer.from(await this.#token(pod, audience, expirationSeconds ?? defaultTokenSeconds)),
          mode: undefined,
        },
      ];
    }
    throw new UnsupportedError(
      "spec.volumes[].projected.sources[].clusterTrustBundle",
      "is not there on this node",
      "Use a configMap",
    );
  }

  async #token(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string> {
    const { clock, tokens } = this.#context;
    const key = JSON.stringify([audience, expirationSeconds]);
    const now = clock.now();
    let held = this.#tokens.get(key);
    if (held === undefined || held.renewAt <= now) {
      const { token, expiresAt } = await tokens.issue({
        namespace: pod.metadata.namespace ?? "",
        serviceAccount: pod.spec.serviceAccountName || "default",
        pod: { name: pod.metadata.name ?? "", uid: pod.metadata.uid ?? "" },
        audience,
        expirationSeconds,
      });
      held = { token, renewAt: now + renewAfter * (expiresAt - now) };
      this.#tokens.set(key, held);
    }
    this.renewAt = Math.min(this.renewAt ?? held.renewAt, held.renewAt);
    return held.token;
  }

  async #configMapFiles(
    namespace: string,
    name: string,
    items: readonly KeyToPath[] | undefined,
    optional: boolean,
  ): Promise<FileWish[]> {
    const map = await this.#context.references.configMap(namespace, name);
    if (map === undefined && !optional) throw new ContainerConfigError("FailedMount", `configmap "${name}" not found`);
    return select(contentOf(map), items, optional, `configmap "${name}"`);
  }

  async #secretFiles(
    namespace: string,
    name: string,
    items: readonly KeyToPath[] | undefined,
    optional: boolean,
  ): Promise<FileWish[]> {
    const secret = await this.#context.references.secret(namespace, name);
    if (secret === undefined && !optional) throw new ContainerConfigError("FailedMount", `secret "${name}" not found`);
    return select(contentOf(secret), items, optional, `secret "${name}"`);
  }
}

interface FileWish {
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number | undefined;
}

function contentOf(object: ConfigMap | Secret | undefined): Map<string, Buffer> {
  const content = new Map<string, Buffer>();
  if (object === undefined) return content;
  const isSecret = object.kind === "Secret";
  for (const [key, value] of Object.entries(object.data ?? {}))
    content.set(key, isSecret ? fromBase64(value) : Buffer.from(value));
  if ("binaryData" in object) {
    for (const [key, value] of Object.entries(object.binaryData ?? {})) content.set(key, fromBase64(value));
  }
  return content;
}

function select(
  content: ReadonlyMap<string, Buffer>,
  items: readonly KeyToPath[] | undefined,
  optional: boolean,
  what: string,
): FileWish[] {
  if (items === undefined) return [...content].map(([path, bytes]) => ({ path, content: bytes, mode: undefined }));
  return items.flatMap(({ key, path, mode }) => {
    const bytes = content.get(key);
    if (bytes !== undefined) return [{ path, content: bytes, mode }];
    if (optional) return [];
    throw new ContainerConfigError("FailedMount", `${what} has no key "${key}"`);
  });
}

function downwardFiles(
  pod: Pod,
  items: readonly NonNullable<NonNullable<Volume["downwardAPI"]>["items"]>[number][],
  facts: NodeFacts,
): FileWish[] {
  return items.map(({ path, fieldRef, resourceFieldRef, mode }) => {
    const value = fieldRef
      ? fieldValue(pod, fieldRef.fieldPath, facts)
      : resourceFieldRef
        ? resourceValue(pod, undefined, resourceFieldRef, facts)
        : "";
    return { path, content: Buffer.from(value), mode };
  });
}

function isEmptyDir(volume: Volume): boolean {
  return volume.emptyDir !== undefined || Object.keys(volume).length === 1;
}

/** In memory if one container alone mounts it; several of them share a directory on disk, which behaves the same. */
function emptyDirectory(pod: Pod, volume: Volume, path: string): Prepared {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const users = containers.filter(({ volumeMounts }) => volumeMounts?.some(({ name }) => name === volume.name));
  if (volume.emptyDir?.medium === "Memory" && users.length <= 1) {
    return { kind: "memory", sizeBytes: Math.floor(quantity(volume.emptyDir.sizeLimit) ?? defaultMemoryBytes) };
  }
  mkdirSync(path, { recursive: true, mode: 0o777 });
  return { kind: "directory", path, readOnly: false };
}

/**
 * The directory or file of a subPath, made as a directory if it is not there. Links are refused: a container may have put them
 * there, and may do so at any time. So folders are made from one open directory to the next, and who mounts the result is told
 * beneath what it has to lie.
 */
function beneath(
  { path: root, readOnly, projected }: Prepared & { kind: "directory" },
  subPath: string,
  volume: string,
): { source: string; within?: string } {
  const segments = subPath.split("/").filter((segment) => segment !== "" && segment !== ".");
  const refuse = (why: string): ContainerConfigError =>
    new ContainerConfigError("CreateContainerConfigError", `subPath "${subPath}" of volumeMount "${volume}" ${why}`);
  if (segments.includes("..") || subPath.startsWith("/")) throw refuse("must be relative and without '..'");
  if (projected) return { source: withinProjection(root, segments, refuse) };
  const open = openDirectory(root);
  const descriptors = [open];
  try {
    for (const segment of segments) {
      const place = `/proc/self/fd/${descriptors.at(-1)}/${segment}`;
      const stat = lstatSync(place, { throwIfNoEntry: false });
      if (stat?.isSymbolicLink()) throw refuse("leads through a link");
      if (stat === undefined && readOnly) throw refuse("is not there");
      if (stat === undefined) mkdirSync(place, { mode: 0o755 });
      if (stat === undefined || stat.isDirectory()) descriptors.push(openDirectory(place));
    }
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
  return { source: join(root, ...segments), within: root };
}

function openDirectory(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** The names of projected files lead through a link of our own. */
function withinProjection(
  root: string,
  segments: readonly string[],
  refuse: (why: string) => ContainerConfigError,
): string {
  let path = root;
  for (const segment of segments) {
    path = join(path, segment);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw refuse("is not there");
    if (!stat.isSymbolicLink()) continue;
    path = realpathSync(path);
    if (!path.startsWith(`${root}/`)) throw refuse("leads through a link");
  }
  return path;
}

/** Admission usually adds the volume; a pod that comes without it gets it here. */
function mountsOwnToken(pod: Pod): boolean {
  if (pod.spec.automountServiceAccountToken === false) return false;
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return !containers.some(({ volumeMounts }) =>
    volumeMounts?.some(({ mountPath }) => mountPath === serviceAccountPath),
  );
}

function ownTokenVolume(): Volume {
  return {
    name: serviceAccountVolume,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { path: "token", expirationSeconds: defaultTokenSeconds } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
    },
  };
}
