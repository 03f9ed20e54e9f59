import { type PersistentVolumeClaimSpec, persistentVolumeClaimSpec } from "@headrace/k8s";
import { applyMergePatch, prune, validate } from "@headrace/model";
import type { Place } from "./reader.ts";

/** Where the steps of a run that has a workspace find it. */
export const workspacePath = "/kfp-workspace";
export const workspaceVolume = "kfp-workspace";

/** KFP's mark, for the time of a step only, on an artifact whose bytes lie in the workspace. */
export const workspaceMark = "_kfp_workspace";

/** The claim of a run's workspace, named as upstream names it. */
export const workspaceClaimName = (resourceName: string): string => `${resourceName}-${workspaceVolume}`;

/** Reads `pipelineConfig.workspace` as the spec of a claim; undefined if there is none. Throws ApiError BadRequest. */
export function readWorkspace(place: Place): PersistentVolumeClaimSpec | undefined {
  if (place.absent) return undefined;
  const storage = place.at("size").requiredText();
  const patch = place.at("kubernetes").at("pvcSpecPatch");
  const standard = { accessModes: ["ReadWriteOnce"] };
  const whole = applyMergePatch(applyMergePatch(standard, patch.object()), { resources: { requests: { storage } } });
  const [unknown] = prune(persistentVolumeClaimSpec, whole).unknown;
  if (unknown !== undefined) patch.at(unknown).fail("unknown field");
  const [wrong] = validate(persistentVolumeClaimSpec, whole);
  if (wrong) patch.at(wrong.field ?? "").fail(wrong.message);
  // The schema's rules hold, so it is what the schema's type says.
  return whole as PersistentVolumeClaimSpec;
}
