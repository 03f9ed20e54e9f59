import type {
  Container,
  EnvVar,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Toleration,
  Volume,
  VolumeMount,
} from "@headrace/k8s";
import { PipelineFault } from "./errors.ts";
import type { ParameterSource } from "./ir.ts";
import { asText, isList, isObject, type JsonValue } from "./json.ts";
import { Place } from "./reader.ts";

/** What kfp-kubernetes can ask for an executor, as far as pods of ours do it. */
const supported = new Set([
  "secretAsVolume",
  "secretAsEnv",
  "configMapAsVolume",
  "configMapAsEnv",
  "pvcMount",
  "nodeSelector",
  "podMetadata",
  "imagePullSecret",
  "imagePullPolicy",
  "activeDeadlineSeconds",
  "fieldPathAsEnv",
  "tolerations",
  "nodeAffinity",
  "emptyDirMounts",
  "securityContext",
  "initContainers",
]);

/** Fields of an executor's settings that nothing here carries out, by their paths. */
export function unsupportedSettings(settings: Place): readonly string[] {
  return settings.entries().flatMap(([key, place]) => (supported.has(key) || place.absent ? [] : [place.path]));
}

/** Reads a value that is only known when the step begins, such as the name of a secret. Throws PipelineFault. */
export type Resolve = (source: ParameterSource) => JsonValue | undefined;

/** The pod with an executor's settings. Throws PipelineFault for values that cannot be had, ApiError BadRequest for wrong ones. */
export function withSettings(pod: Pod, settings: Place, resolve: Resolve): Pod {
  const reader = new SettingsReader(settings, resolve);
  const [main, ...sidecars] = pod.spec.containers;
  if (!main) return pod;
  const metadata = settings.at("podMetadata");
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...texts(metadata.at("labels")), ...pod.metadata.labels },
      annotations: { ...texts(metadata.at("annotations")), ...pod.metadata.annotations },
    },
    spec: { ...pod.spec, ...reader.podSpec(), containers: [{ ...main, ...reader.container(main) }, ...sidecars] },
  };
}

function texts(place: Place): Record<string, string> {
  return Object.fromEntries(place.entries().map(([key, value]) => [key, value.text()]));
}

const claimFields = ["constant", "componentInputParameter", "taskOutputParameter"];

class SettingsReader {
  readonly #settings: Place;
  readonly #resolve: Resolve;
  readonly #volumes = new Map<string, Volume>();
  readonly #mounts: VolumeMount[] = [];

  constructor(settings: Place, resolve: Resolve) {
    this.#settings = settings;
    this.#resolve = resolve;
    this.#readVolumes();
  }

  podSpec(): Partial<PodSpec> {
    const deadline = this.#settings.at("activeDeadlineSeconds").number();
    const pullSecrets = this.#named("imagePullSecret", "secretName").map(({ name }) => ({ name }));
    const nodeSelector = this.#nodeSelector();
    const tolerations = this.#settings
      .at("tolerations")
      .items()
      .flatMap((place) => this.#tolerations(place));
    const initContainers = this.#settings.at("initContainers").items().map(readInitContainer);
    const affinity = this.#affinity();
    return {
      ...(this.#volumes.size > 0 && { volumes: [...this.#volumes.values()] }),
      ...(deadline !== undefined && { activeDeadlineSeconds: deadline }),
      ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets }),
      ...(nodeSelector && { nodeSelector }),
      ...(tolerations.length > 0 && { tolerations }),
      ...(initContainers.length > 0 && { initContainers }),
      ...(affinity && { affinity }),
    };
  }

  container(main: Container): Partial<Container> {
    const env = this.#env();
    const policy = this.#settings.at("imagePullPolicy");
    const security = this.#settings.at("securityContext");
    const user = security.at("runAsUser").number();
    const group = security.at("runAsGroup").number();
    return {
      ...(env.length > 0 && { env: [...(main.env ?? []), ...env] }),
      ...(this.#mounts.length > 0 && { volumeMounts: this.#mounts }),
      ...(!policy.absent && { imagePullPolicy: policy.oneOf(["Always", "IfNotPresent", "Never"]) }),
      ...(!security.absent && {
        securityContext: {
          ...(user !== undefined && { runAsUser: user }),
          ...(group !== undefined && { runAsGroup: group }),
          ...(security.at("runAsNonRoot").flag() && { runAsNonRoot: true }),
        },
      }),
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
      this.#mount(place, { name: `secret-${secretName}`, secret: { secretName, ...optionality(place) } });
    }
    for (const { place, name } of this.#named("configMapAsVolume", "configMapName")) {
      this.#mount(place, { name: `config-map-${name}`, configMap: { name, ...optionality(place) } });
    }
    for (const { place, name: claimName } of this.#named("pvcMount", "pvcName", claimFields)) {
      this.#mount(place, { name: `pvc-${claimName}`, persistentVolumeClaim: { claimName } });
    }
    for (const place of this.#settings.at("emptyDirMounts").items()) {
      const medium = place.at("medium").text();
      const sizeLimit = place.at("sizeLimit").text();
      const emptyDir = { ...(medium && { medium }), ...(sizeLimit && { sizeLimit }) };
      this.#mount(place, { name: place.at("volumeName").requiredText(), emptyDir });
    }
  }

  #mount(place: Place, volume: Volume): void {
    const name = volumeName(volume.name);
    const subPath = place.at("subPath").text();
    this.#volumes.set(name, { ...volume, name });
    this.#mounts.push({ name, mountPath: place.at("mountPath").requiredText(), ...(subPath && { subPath }) });
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

/** Names of volumes are DNS labels; those of secrets and claims may be longer. */
function volumeName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .slice(0, 63)
    .replace(/-+$/, "");
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
  const isSidecar = place.at("restartPolicy").text() === "Always";
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
