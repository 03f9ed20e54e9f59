import { createHash } from "node:crypto";
import { accessModes, type PersistentVolumeClaim, type PersistentVolumeClaimSpec } from "@headrace/k8s";
import { PipelineFault } from "./errors.ts";
import type { Values } from "./graph.ts";
import type { ClaimExecutor } from "./ir.ts";
import { asText, isList, isObject, type JsonObject, type JsonValue } from "./json.ts";
import { runLabel, taskLabel } from "./pod.ts";
import { workspaceClaimName } from "./workspace.ts";

/** What a `CreatePVC` or `DeletePVC` task asks for. */
export type ClaimOrder =
  | { readonly action: "create"; readonly claim: PersistentVolumeClaim }
  | { readonly action: "delete"; readonly name: string };

/** Whose task it is. */
export interface ClaimTask {
  readonly namespace: string;
  readonly run: string;
  readonly rowId: number;
}

/** Throws PipelineFault for inputs that make no sense. */
export function claimOrder({ action }: ClaimExecutor, { parameters }: Values, task: ClaimTask): ClaimOrder {
  const text = (name: string): string => asText(parameters.get(name) ?? "");
  if (action === "create") return { action, claim: newClaim(parameters, task) };
  const name = text("pvc_name");
  if (name === "") throw new PipelineFault("Cannot delete a claim: pvc_name is empty");
  return { action, name };
}

/** Whether an earlier success may stand for this task: only of a claim whose name the pipeline gives. */
export function isReusable({ action }: ClaimExecutor, { parameters }: Values): boolean {
  return action === "create" && asText(parameters.get("pvc_name") ?? "") !== "";
}

function newClaim(parameters: Values["parameters"], task: ClaimTask): PersistentVolumeClaim {
  const modes = parameters.get("access_modes") ?? null;
  if (!isList(modes)) throw new PipelineFault("Cannot create a claim: access_modes is not a list");
  const annotations = parameters.get("annotations") ?? null;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: nameOf(parameters, task),
      namespace: task.namespace,
      labels: { "pipeline/runid": task.run, [runLabel]: task.run, [taskLabel]: String(task.rowId) },
      ...(isObject(annotations) && {
        annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key, asText(value)])),
      }),
    },
    spec: specOf(parameters, modes),
  };
}

function specOf(parameters: Values["parameters"], modes: readonly JsonValue[]): PersistentVolumeClaimSpec {
  const given = (name: string): string | undefined => {
    const value = parameters.get(name) ?? null;
    return value === null ? undefined : asText(value);
  };
  const volumeName = given("volume_name");
  const storageClassName = given("storage_class_name");
  const source = parameters.get("data_source") ?? null;
  return {
    accessModes: modes.map(accessMode),
    resources: { requests: { storage: given("size") ?? "" } },
    ...(storageClassName !== undefined && { storageClassName }),
    ...(volumeName && { volumeName }),
    ...(isObject(source) && { dataSource: dataSource(source) }),
  };
}

function accessMode(value: JsonValue): (typeof accessModes)[number] {
  const mode = accessModes.find((each) => each === value);
  if (mode !== undefined) return mode;
  throw new PipelineFault(
    `Cannot create a claim: access_modes: Unsupported value: ${asText(value)}: supported values: ${accessModes.join(", ")}`,
  );
}

function dataSource(source: JsonObject): NonNullable<PersistentVolumeClaimSpec["dataSource"]> {
  const text = (key: string): string => asText(source[key] ?? "");
  return { kind: text("kind"), name: text("name"), ...(text("apiGroup") && { apiGroup: text("apiGroup") }) };
}

/** The same for every try of a task, so that one that was interrupted finds what it had made. */
function nameOf(parameters: Values["parameters"], { run, rowId }: ClaimTask): string {
  const text = (name: string): string => asText(parameters.get(name) ?? "");
  const [name, suffix] = [text("pvc_name"), text("pvc_name_suffix")];
  if (name !== "" && suffix !== "")
    throw new PipelineFault("Cannot create a claim: at most one of pvc_name and pvc_name_suffix can be non-empty");
  if (name !== "") return name;
  const digest = createHash("sha256").update(`${run}/${rowId}`).digest("hex");
  const parts = [digest.slice(0, 8), digest.slice(8, 12), digest.slice(12, 16), digest.slice(16, 20)];
  return `${parts.join("-")}-${digest.slice(20, 32)}${suffix}`;
}

/** On the claim of a run's workspace: whose it is. */
export const workspaceLabel = "headrace.io/workspace";

export function workspaceClaimOf(
  { namespace, run, resourceName }: { readonly namespace: string; readonly run: string; readonly resourceName: string },
  spec: PersistentVolumeClaimSpec,
): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: workspaceClaimName(resourceName),
      namespace,
      labels: { "pipeline/runid": run, [runLabel]: run, [workspaceLabel]: run },
    },
    spec,
  };
}
