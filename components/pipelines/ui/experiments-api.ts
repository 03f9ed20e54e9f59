import type { Requester } from "@headrace/ui-kit";
import { everyPage, textOf } from "./listing.ts";

export interface Experiment {
  readonly id: string;
  readonly displayName: string;
  readonly description: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly namespace: string;
  readonly archived: boolean;
}

const root = "/apis/v2beta1/experiments";
const pathOf = (id: string): string => `${root}/${encodeURIComponent(id)}`;

/** Newest first. */
export async function listExperiments(
  request: Requester,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly Experiment[]> {
  const query = { sort_by: "created_at desc", ...(namespace !== "" && { namespace }) };
  return (await everyPage(request, root, { query, field: "experiments", pageSize: 200, signal })).map(readExperiment);
}

export async function getExperiment(request: Requester, id: string, signal: AbortSignal): Promise<Experiment> {
  return readExperiment(await request.json(pathOf(id), { signal }));
}

export async function createExperiment(
  request: Requester,
  given: { readonly displayName: string; readonly description: string; readonly namespace: string },
): Promise<Experiment> {
  const body = {
    display_name: given.displayName,
    description: given.description,
    ...(given.namespace !== "" && { namespace: given.namespace }),
  };
  return readExperiment(await request.json(root, { method: "POST", body }));
}

/** Archiving takes its runs and schedules along; restoring brings back the experiment alone. */
export async function archiveExperiment(request: Requester, id: string, archive: boolean): Promise<void> {
  await request.json(`${pathOf(id)}:${archive ? "archive" : "unarchive"}`, { method: "POST", body: {} });
}

/** Its runs stay. */
export async function deleteExperiment(request: Requester, id: string): Promise<void> {
  await request.json(pathOf(id), { method: "DELETE" });
}

function readExperiment(value: unknown): Experiment {
  return {
    id: textOf(value, "experiment_id"),
    displayName: textOf(value, "display_name"),
    description: textOf(value, "description"),
    createdAt: textOf(value, "created_at"),
    namespace: textOf(value, "namespace"),
    archived: textOf(value, "storage_state") === "ARCHIVED",
  };
}
