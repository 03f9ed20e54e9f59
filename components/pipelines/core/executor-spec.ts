import type { ContainerExecutor, ContainerResources, ImporterExecutor } from "./ir.ts";
import { readArtifactType } from "./ports.ts";
import type { Place } from "./reader.ts";

/** `kubernetes` holds its settings of the platform. */
export function readContainer(label: string, place: Place, kubernetes: Place): ContainerExecutor {
  return {
    kind: "container",
    label,
    image: place.at("image").requiredText(),
    command: place
      .at("command")
      .items()
      .map((item) => item.text()),
    args: place
      .at("args")
      .items()
      .map((item) => item.text()),
    env: place
      .at("env")
      .items()
      .map((item) => ({ name: item.at("name").requiredText(), value: item.at("value").text() })),
    resources: readResources(place.at("resources")),
    ...(!kubernetes.absent && { kubernetes }),
  };
}

/** Variables that nothing here heeds, by their paths: `set_debug_pause` asks Argo's executor to hold a container. */
export function unsupportedVariables(container: Place): readonly string[] {
  return container
    .at("env")
    .items()
    .filter((item) => item.at("name").text().startsWith("ARGO_DEBUG_PAUSE_"))
    .map((item) => `${item.path} (${item.at("name").text()})`);
}

function readResources(place: Place): ContainerResources {
  const quantity = (key: string, old: string, unit: string) => {
    const text = place.at(key).text();
    const number = place.at(old).number();
    return text || (number ? `${number}${unit}` : "");
  };
  const accelerator = place.at("accelerator");
  const type = accelerator.at("resourceType").text() || accelerator.at("type").text();
  const count = accelerator.at("resourceCount").text() || String(accelerator.at("count").number() ?? "");
  const cpuRequest = quantity("resourceCpuRequest", "cpuRequest", "");
  const cpuLimit = quantity("resourceCpuLimit", "cpuLimit", "");
  const memoryRequest = quantity("resourceMemoryRequest", "memoryRequest", "G");
  const memoryLimit = quantity("resourceMemoryLimit", "memoryLimit", "G");
  return {
    ...(cpuRequest && { cpuRequest }),
    ...(cpuLimit && { cpuLimit }),
    ...(memoryRequest && { memoryRequest }),
    ...(memoryLimit && { memoryLimit }),
    ...(type && { accelerator: { type, count: count || "1" } }),
  };
}

export function readImporter(label: string, place: Place): ImporterExecutor {
  const uri = place.at("artifactUri");
  const constant = uri.at("constant").text();
  return {
    kind: "importer",
    label,
    uri: constant ? { constant } : { input: uri.at("runtimeParameter").requiredText() },
    type: readArtifactType(place.at("typeSchema")),
    metadata: place.at("metadata").object(),
    reimport: place.at("reimport").flag(),
    downloadToWorkspace: place.at("downloadToWorkspace").flag(),
  };
}
