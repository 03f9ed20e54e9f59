import {
  invalid,
  validateMetadata,
  validateMetadataUpdate,
  type KubeObject,
  type ResourceDefinition,
  type User,
} from "@headrace/model";
import type { Admission, AdmissionCall } from "./options.ts";
import { defaulted, shapeCauses } from "./shape.ts";

/** A write on its way to the store: what shall be there, and what is there now. */
export interface Proposal {
  readonly definition: ResourceDefinition;
  readonly object: KubeObject;
  /** Undefined for a create. */
  readonly old: KubeObject | undefined;
  /** Empty for the object itself. */
  readonly subresource: string;
  readonly user: User;
  readonly dryRun: boolean;
}

/** Defaults, admits and validates, in that order; returns what may be stored. Throws ApiError Invalid, or what admission throws. */
export async function settle(proposal: Proposal, admission: readonly Admission[]): Promise<KubeObject> {
  const { definition, old, subresource } = proposal;
  let object = defaulted(definition, proposal.object);
  object = definition.prepare?.(object, old) ?? object;
  for (const each of admission) {
    if (each.mutate) object = await each.mutate({ ...admissionCall(proposal, object), object });
  }
  const causes = [
    ...(old === undefined
      ? validateMetadata(object.metadata, definition)
      : metadataChangeCauses(object, old, definition)),
    ...shapeCauses(definition, object),
  ];
  // The kind's own rules may rely on the shape, so they wait until it is right.
  const problems = causes.length > 0 ? causes : (definition.validate?.(object, old, subresource) ?? []);
  if (problems.length > 0)
    throw invalid(definition, object.metadata.name ?? object.metadata.generateName ?? "", problems);
  for (const each of admission) await each.validate?.(admissionCall(proposal, object));
  return object;
}

/** Lets admission refuse a deletion. */
export async function settleDeletion(proposal: Proposal, admission: readonly Admission[]): Promise<void> {
  for (const each of admission) await each.validate?.({ ...admissionCall(proposal, undefined), operation: "DELETE" });
}

function metadataChangeCauses(object: KubeObject, old: KubeObject, definition: ResourceDefinition) {
  const changes = validateMetadataUpdate(object.metadata, old.metadata);
  // An update that changes no label need not pay for checking them all again.
  const isUntouched =
    object.metadata.labels === old.metadata.labels && object.metadata.annotations === old.metadata.annotations;
  return isUntouched || changes.length > 0 ? changes : validateMetadata(object.metadata, definition);
}

function admissionCall(proposal: Proposal, object: KubeObject | undefined): AdmissionCall {
  const { definition, old, subresource, user, dryRun } = proposal;
  const { namespace = "", name = "" } = (object ?? old ?? proposal.object).metadata;
  return {
    operation: old === undefined ? "CREATE" : "UPDATE",
    definition,
    subresource,
    namespace,
    name,
    object,
    old,
    user,
    dryRun,
  };
}
