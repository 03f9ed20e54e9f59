import { admit, applyDefaults, invalid, type KubeObject, type ResourceDefinition, type User } from "@headrace/model";
import type { Admission, AdmissionCall, Completed } from "./options.ts";

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
  const candidate = await mutated(proposal, admission);
  const { object, causes } = admit(definition, candidate, old, subresource);
  if (causes) throw invalid(definition, candidate.metadata.name ?? candidate.metadata.generateName ?? "", causes);
  for (const each of admission) await each.validate?.(admissionCall(proposal, object));
  return object;
}

/** Lets admission refuse a deletion. */
export async function settleDeletion(proposal: Proposal, admission: readonly Admission[]): Promise<void> {
  for (const each of admission) await each.validate?.({ ...admissionCall(proposal, undefined), operation: "DELETE" });
}

/** Lets admission add to what is about to be created. Whoever calls has to say how the write went. */
export function completed(proposal: Proposal, admission: readonly Admission[]): Completed {
  let { object } = proposal;
  const promises: Completed["settled"][] = [];
  for (const each of admission) {
    const more = each.complete?.({ ...admissionCall(proposal, object), object });
    if (more === undefined) continue;
    object = more.object;
    promises.push(more.settled);
  }
  return { object, settled: (isWritten) => promises.forEach((settled) => settled(isWritten)) };
}

async function mutated(proposal: Proposal, admission: readonly Admission[]): Promise<KubeObject> {
  const mutators = admission.filter(({ mutate }) => mutate !== undefined);
  if (mutators.length === 0) return proposal.object;
  let object = applyDefaults(proposal.definition.schema, proposal.object) as KubeObject;
  for (const each of mutators) object = (await each.mutate?.({ ...admissionCall(proposal, object), object })) ?? object;
  return object;
}

function admissionCall(proposal: Proposal, object: KubeObject | undefined): AdmissionCall {
  const { definition, old, subresource, user, dryRun } = proposal;
  const { namespace = "", name = "" } = (object ?? old ?? proposal.object).metadata;
  const operation = old === undefined ? "CREATE" : "UPDATE";
  return { operation, definition, subresource, namespace, name, object, old, user, dryRun };
}
