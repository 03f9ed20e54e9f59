import { createHash } from "node:crypto";
import {
  accessModes,
  type Container,
  type EnvVar,
  type NodeSelectorRequirement,
  type NodeSelectorTerm,
  type PodSpec,
  type Toleration,
  type Volume,
  type VolumeMount,
} from "@headrace/k8s";
import { PipelineFault } from "./errors.ts";
import { executorConfig } from "./format.ts";
import type { ParameterSource } from "./ir.ts";
import { asText, isList, isObject, type JsonValue } from "./json.ts";
import { Place } from "./reader.ts";

/** What kfp-kubernetes can ask for and no pod of ours does. */
const unsupported: ReadonlySet<string> = new Set(["podAffinity"]);

/** Fields of an executor's settings that nothing here carries out, by their paths. */
export function unsupportedSettings(settings: Place): readonly string[] {
  const isSupported = (key: string): boolean => Object.hasOwn(executorConfig.fields, key) && !unsupported.has(key);
  return settings.entries().flatMap(([key, place]) => (isSupported(key) || place.absent ? [] : [place.path]));
}

/** Reads a value that is only known when the step begins, such as the name of a secret. Throws PipelineFault. */
export type Resolve = (source: ParameterSource) => JsonValue | undefined;

/** What an executor's settings come to, with every value known. */
export interface PodSettings {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly env: readonly EnvVar[];
  /** Of claims, secrets and config maps: what a component may hand on to what it starts. */
  readonly volumes: readonly Volume[];
  readonly mounts: readonly VolumeMount[];
  /** Volumes that are the pod's own. */
  readonly ownVolumes: readonly Volume[];
  readonly ownMounts: readonly VolumeMount[];
  readonly affinity?: NonNullable<PodSpec["affinity"]>;
  readonly tolerations: readonly Toleration[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /** Nobody else's matter. */
  readonly podSpec: Partial<PodSpec>;
  readonly container: Partial<Container>;
}

export const noSettings: PodSettings = {
  labels: {},
  annotations: {},
  env: [],
  volumes: [],
  mounts: [],
  ownVolumes: [],
  ownMounts: [],
  tolerations: [],
  podSpec: {},
  container: {},
};

/** Throws PipelineFault for values that cannot be had, ApiError BadRequest for wrong ones. */
export function readSettings(settings: Place, resolve: Resolve): PodSettings {
  return new SettingsReader(settings, resolve).read();
}

/** The names of the claims that an executor mounts: part of its cache key. Throws as `readSettings` does. */
export function claimNames(settings: Place, resolve: Resolve): readonly string[] {
  return readSettings(settings, resolve).volumes.flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  );
}

function texts(place: Place): Record<string, string> {
  return Object.fromEntries(place.entries().map(([key, value]) => [key, value.text()]));
}

const claimFields = ["constant", "componentInputParameter", "taskOutputParameter"];

class SettingsReader {
  readonly #settings: Place;
  readonly #resolve: Resolve;
  readonly #volumes = new Map<string, Volume>();
  readonly #ownVolumes = new Map<string, Volume>();
  readonly #mounts: VolumeMount[] = [];
  readonly #ownMounts: VolumeMount[] = [];

  constructor(settings: Place, resolve: Resolve) {
    this.#settings = settings;
    this.#resolve = resolve;
    this.#readVolumes();
    this.#readOwnVolumes();
  }

  read(): PodSettings {
    const metadata = this.#settings.at("podMetadata");
    const affinity = this.#affinity();
    const nodeSelector = this.#nodeSelector();
    return {
      labels: texts(metadata.at("labels")),
      annotations: texts(metadata.at("annotations")),
      env: this.#env(),
      volumes: [...this.#volumes.values()],
      mounts: this.#mounts,
      ownVolumes: [...this.#ownVolumes.values()],
      ownMounts: this.#ownMounts,
      ...(affinity && { affinity }),
      tolerations: this.#settings
        .at("tolerations")
        .items()
        .flatMap((place) => this.#tolerations(place)),
      ...(nodeSelector && { nodeSelector }),
      podSpec: this.#podSpec(),
      container: this.#container(),
    };
  }

  #podSpec(): Partial<PodSpec> {
    const deadline = this.#settings.at("activeDeadlineSeconds").number();
    const pullSecrets = this.#named("imagePullSecret", "secretName").map(({ name }) => ({ name }));
    const initContainers = this.#settings.at("initContainers").items().map(readInitContainer);
    return {
      ...(deadline !== undefined && deadline > 0 && { activeDeadlineSeconds: deadline }),
      ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets }),
      ...(initContainers.length > 0 && { initContainers }),
    };
  }

  #container(): Partial<Container> {
    const policy = this.#settings.at("imagePullPolicy");
    const security = this.#settings.at("securityContext");
    return {
      ...(!policy.absent && { imagePullPolicy: policy.oneOf(["Always", "IfNotPresent", "Never"]) }),
      ...(!security.absent && { securityContext: readSecurity(security) }),
    };
  }

  #env(): readonly EnvVar[] {
    const secrets = this.#named("secretAsEnv", "secretName").flatMap((each) =>
      readKeys(each, "secretKey", "secretKeyRef"),
    );
    const maps = this.#named("configMapAsEnv", "configMapName").flatMap((each) =>
      readKeys(each, "configMapKey", "configMapKeyRef"),
    );
    const fields = this.#settings
      .at("fieldPathAsEnv")
      .items()
      .map((place) => ({
        name: place.at("name").requiredText(),
        valueFrom: { fieldRef: { fieldPath: place.at("fieldPath").requiredText() } },
      }));
    return [...secrets, ...maps, ...fields];
  }

  #readVolumes(): void {
    for (const { place, name: secretName } of this.#named("secretAsVolume", "secretName")) {
      this.#mount(place, secretName, "secret", { secret: { secretName, ...optionality(place) } });
    }
    for (const { place, name } of this.#named("configMapAsVolume", "configMapName")) {
      this.#mount(place, name, "config-map", { configMap: { name, ...optionality(place) } });
    }
    for (const { place, name: claimName } of this.#named("pvcMount", "pvcName", claimFields)) {
      this.#mount(place, claimName, "pvc", { persistentVolumeClaim: { claimName } });
    }
  }

  #readOwnVolumes(): void {
    for (const place of this.#settings.at("emptyDirMounts").items()) {
      const medium = place.at("medium").text();
      const sizeLimit = place.at("sizeLimit").text();
      this.#mountOwn(place, { emptyDir: { ...(medium && { medium }), ...(sizeLimit && { sizeLimit }) } });
    }
    for (const place of this.#settings.at("genericEphemeralVolume").items()) {
      this.#mountOwn(place, { ephemeral: { volumeClaimTemplate: readClaimTemplate(place) } });
    }
    const memory = this.#settings.at("enabledSharedMemory");
    if (memory.absent) return;
    const name = volumeName(memory.at("volumeName").text() || "shm");
    const sizeLimit = memory.at("size").text();
    this.#ownVolumes.set(name, { name, emptyDir: { medium: "Memory", ...(sizeLimit && { sizeLimit }) } });
    this.#ownMounts.push({ name, mountPath: "/dev/shm" });
  }

  /** A volume is named after what it is made of, as upstream names it, so that init containers can mount it by that name. */
  #mount(place: Place, wish: string, prefix: string, source: Omit<Volume, "name">): void {
    const plain = volumeName(wish);
    const taken = this.#volumes.get(plain);
    const isSame = taken && JSON.stringify(taken) === JSON.stringify({ name: plain, ...source });
    const name = taken && !isSame ? volumeName(`${prefix}-${wish}`) : plain;
    const subPath = place.at("subPath").text();
    this.#volumes.set(name, { name, ...source });
    this.#mounts.push({ name, mountPath: place.at("mountPath").requiredText(), ...(subPath && { subPath }) });
  }

  #mountOwn(place: Place, source: Omit<Volume, "name">): void {
    const name = place.at("volumeName").requiredText();
    this.#ownVolumes.set(name, { name, ...source });
    this.#ownMounts.push({ name, mountPath: place.at("mountPath").requiredText() });
  }

  /**
   * Entries with their names. `secretNameParameter` says where the name comes from; the older `secretName` is the name itself. An
   * entry whose name comes from an optional input that was not given is left out.
   */
  #named(list: string, field: string, older: readonly string[] = [field]): readonly { place: Place; name: string }[] {
    return this.#settings
      .at(list)
      .items()
      .flatMap((place) => {
        const parameter = place.at(`${field}Parameter`);
        const value = parameter.absent ? this.#olderName(place, older) : this.#value(parameter);
        if (value === undefined || value === null) return [];
        if (typeof value === "string" && value !== "") return [{ place, name: value }];
        throw new PipelineFault(`Cannot prepare the step: ${place.path} names no ${field}`);
      });
  }

  #olderName(place: Place, fields: readonly string[]): JsonValue | undefined {
    const field = fields.find((each) => !place.at(each).absent);
    if (field === undefined) return undefined;
    if (field === "componentInputParameter" || field === "taskOutputParameter") return this.#value(place);
    return place.at(field).text();
  }

  #value(place: Place): JsonValue | undefined {
    const constant = place.at("runtimeValue").at("constant");
    if (constant.value !== undefined) return constant.value;
    const input = place.at("componentInputParameter");
    if (!input.absent) return this.#resolve({ from: "input", name: input.requiredText() });
    const output = place.at("taskOutputParameter");
    return this.#resolve({
      from: "task",
      task: output.at("producerTask").requiredText(),
      key: output.at("outputParameterKey").requiredText(),
    });
  }

  #nodeSelector(): Record<string, string> | undefined {
    const place = this.#settings.at("nodeSelector");
    if (place.absent) return undefined;
    const json = place.at("nodeSelectorJson");
    if (json.absent) return texts(place.at("labels"));
    const labels = this.#value(json);
    return isObject(labels)
      ? Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, asText(value)]))
      : undefined;
  }

  #tolerations(place: Place): readonly Toleration[] {
    const json = place.at("tolerationJson");
    if (json.absent) return [readToleration(place)];
    const value = this.#value(json) ?? [];
    return (isList(value) ? value : [value]).map((each, index) =>
      readToleration(new Place(`${json.path}[${index}]`, each)),
    );
  }

  #affinity(): PodSpec["affinity"] {
    const terms = this.#settings
      .at("nodeAffinity")
      .items()
      .flatMap((place) => this.#nodeAffinity(place));
    const required = terms.filter(({ weight }) => weight === undefined).map(({ term }) => term);
    const preferred = terms.flatMap(({ weight, term }) => (weight === undefined ? [] : [{ weight, preference: term }]));
    if (terms.length === 0) return undefined;
    return {
      nodeAffinity: {
        ...(required.length > 0 && { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: required } }),
        ...(preferred.length > 0 && { preferredDuringSchedulingIgnoredDuringExecution: preferred }),
      },
    };
  }

  #nodeAffinity(place: Place): readonly WeightedTerm[] {
    const json = place.at("nodeAffinityJson");
    if (json.absent) return [{ term: readTerm(place), weight: place.at("weight").number() }];
    const value = new Place(json.path, this.#value(json));
    const required = value.at("requiredDuringSchedulingIgnoredDuringExecution").at("nodeSelectorTerms").items();
    const preferred = value.at("preferredDuringSchedulingIgnoredDuringExecution").items();
    return [
      ...required.map((term) => ({ term: readTerm(term), weight: undefined })),
      ...preferred.map((each) => ({ term: readTerm(each.at("preference")), weight: each.at("weight").number() ?? 1 })),
    ];
  }
}

/** A term that must hold, or one that is only preferred if it has a weight. */
interface WeightedTerm {
  readonly term: NodeSelectorTerm;
  readonly weight: number | undefined;
}

function readTerm(place: Place): NodeSelectorTerm {
  const matchExpressions = place.at("matchExpressions").items().map(readRequirement);
  const matchFields = place.at("matchFields").items().map(readRequirement);
  return {
    ...(matchExpressions.length > 0 && { matchExpressions }),
    ...(matchFields.length > 0 && { matchFields }),
  };
}

function readKeys(
  { place, name }: { readonly place: Place; readonly name: string },
  keyField: string,
  reference: "secretKeyRef" | "configMapKeyRef",
): readonly EnvVar[] {
  return place
    .at("keyToEnv")
    .items()
    .map((pair) => {
      const selector = { name, key: pair.at(keyField).requiredText(), ...optionality(place) };
      return { name: pair.at("envVar").requiredText(), valueFrom: { [reference]: selector } };
    });
}

function optionality(place: Place): { optional?: true } {
  return place.at("optional").flag() ? { optional: true } : {};
}

/** Names of volumes are DNS labels; those of secrets and claims may be longer, and then end with what tells them apart. */
function volumeName(name: string): string {
  const label = name.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
  if (label.length <= longestLabel && label === name) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${label.slice(0, longestLabel - 9).replace(/-+$/, "")}-${digest}`;
}

const longestLabel = 63;

/** The claim of a generic ephemeral volume. */
function readClaimTemplate(place: Place) {
  const words = (field: string) =>
    place
      .at(field)
      .items()
      .map((item) => item.oneOf(accessModes));
  const metadata = {
    labels: texts(place.at("metadata").at("labels")),
    annotations: texts(place.at("metadata").at("annotations")),
  };
  const isDefault = place.at("defaultStorageClass").flag();
  return {
    metadata,
    spec: {
      accessModes: words("accessModes"),
      resources: { requests: { storage: place.at("size").requiredText() } },
      ...(!isDefault && { storageClassName: place.at("storageClassName").text() }),
    },
  };
}

function readSecurity(place: Place): NonNullable<Container["securityContext"]> {
  const user = place.at("runAsUser").number();
  const group = place.at("runAsGroup").number();
  const nonRoot = place.at("runAsNonRoot");
  if (user === 0 && nonRoot.flag())
    throw new PipelineFault("runAsUser=0 (root) is not allowed: runAsNonRoot is true; use a non-root UID instead");
  return {
    ...(user !== undefined && { runAsUser: user }),
    ...(group !== undefined && { runAsGroup: group }),
    ...(!nonRoot.absent && { runAsNonRoot: nonRoot.flag() }),
    capabilities: { drop: ["ALL"] },
  };
}

function readToleration(place: Place): Toleration {
  const read = (field: string) => place.at(field).text();
  const seconds = place.at("tolerationSeconds").number();
  const key = read("key");
  const value = read("value");
  return {
    ...(key && { key }),
    ...(read("operator") && { operator: place.at("operator").oneOf(["Exists", "Equal"]) }),
    ...(value && { value }),
    ...(read("effect") && { effect: place.at("effect").oneOf(["NoSchedule", "PreferNoSchedule", "NoExecute"]) }),
    ...(seconds !== undefined && { tolerationSeconds: seconds }),
  };
}

function readRequirement(place: Place): NodeSelectorRequirement {
  const values = place
    .at("values")
    .items()
    .map((item) => item.text());
  return {
    key: place.at("key").requiredText(),
    operator: place.at("operator").oneOf(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]),
    ...(values.length > 0 && { values }),
  };
}

function readInitContainer(place: Place): Container {
  const words = (field: string) =>
    place
      .at(field)
      .items()
      .map((item) => item.text());
  const command = words("command");
  const args = words("args");
  const env = place
    .at("env")
    .items()
    .map((item) => ({ name: item.at("name").requiredText(), value: item.at("value").text() }));
  const mounts = place
    .at("volumeMounts")
    .items()
    .map((item) => ({ name: item.at("volumeName").requiredText(), mountPath: item.at("mountPath").requiredText() }));
  const requests = texts(place.at("resources").at("requests"));
  const limits = texts(place.at("resources").at("limits"));
  const isSidecar = !place.at("restartPolicy").absent && place.at("restartPolicy").oneOf(["Always"]) === "Always";
  return {
    name: place.at("name").requiredText(),
    image: place.at("image").requiredText(),
    ...(command.length > 0 && { command }),
    ...(args.length > 0 && { args }),
    ...(env.length > 0 && { env }),
    ...(mounts.length > 0 && { volumeMounts: mounts }),
    resources: { requests, limits },
    ...(isSidecar && { restartPolicy: "Always" as const }),
  };
}
