import { ApiError, type ApiRequest, badRequest, type Route, type RouteParams } from "@headrace/model";
import {
  archiveRunsOf,
  deleteExperiment,
  experimentColumns,
  type ExperimentRow,
  findExperiment,
  findExperimentNamed,
  insertExperiment,
  listExperiments,
  setExperimentStorage,
} from "../records/experiments.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import { disableRecurringRunsOf, recurringRunChanges } from "../records/recurring-runs.ts";
import {
  type ApiContext,
  checkLength,
  longText,
  lookup,
  namespaceFor,
  notFound,
  readMessage,
  requireAccess,
  requireName,
  routeMaker,
  tablesOf,
} from "./context.ts";
import { listPage } from "./listing.ts";
import { experimentListMessage, experimentMessage } from "./messages.ts";
import { jsonResponse } from "./status.ts";
import { splitVerb } from "./verbs.ts";

const maxNameLength = 128;
/** Where runs go whose experiment nobody named. */
const defaultExperiment = "Default";

const { required: requireExperiment, permitted: permittedExperiment } = lookup({
  what: "Experiment",
  resource: "experiments",
  find: findExperiment,
});

export function experimentRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("POST", "/apis/v2beta1/experiments", create),
    route("GET", "/apis/v2beta1/experiments", list),
    route("GET", "/apis/v2beta1/experiments/{experiment}", get),
    route("POST", "/apis/v2beta1/experiments/{experiment}", act),
    route("DELETE", "/apis/v2beta1/experiments/{experiment}", remove),
  ];
}

async function create(context: ApiContext, request: ApiRequest) {
  const body = await readMessage(request, experimentMessage);
  const ns = namespaceFor(context, body.namespace, "experiments");
  await requireAccess(context, request.user, "create", "experiments", ns);
  const name = requireName(body.display_name, "display_name", maxNameLength);
  const description = body.description ?? "";
  checkLength(description, "description", longText);
  const row = newExperiment(context, { ns, name, description });
  await tablesOf(context, ns).transaction(async ({ db }) => {
    if (await findExperimentNamed(db, ns, name)) {
      throw new ApiError(
        "AlreadyExists",
        `Cannot create experiment "${name}": an experiment of this name exists; choose another`,
      );
    }
    await insertExperiment(db, row);
  });
  return jsonResponse(asMessage(row));
}

async function list(context: ApiContext, { query, user }: ApiRequest) {
  const ns = namespaceFor(context, query.get("namespace"), "experiments");
  await requireAccess(context, user, "list", "experiments", ns);
  const { db } = tablesOf(context, ns);
  const kind = { columns: experimentColumns };
  const { rows, page } = await listPage(query, kind, (listing) => listExperiments(db, ns, listing));
  return jsonResponse(experimentListMessage.write({ experiments: rows.map(fields), ...page }));
}

async function get(context: ApiContext, { user }: ApiRequest, { experiment = "" }: RouteParams) {
  return jsonResponse(asMessage(await permittedExperiment(context, user, "get", experiment)));
}

async function act(context: ApiContext, { user }: ApiRequest, { experiment = "" }: RouteParams) {
  const { id, verb } = splitVerb(experiment, ["archive", "unarchive"]);
  const row = await permittedExperiment(context, user, verb, id);
  await tablesOf(context, row.ns).transaction(async ({ db, changed }) => {
    await setExperimentStorage(db, row, verb === "archive" ? "ARCHIVED" : "AVAILABLE");
    if (verb !== "archive") return;
    for (const key of await archiveRunsOf(db, row, context.clock.now()))
      changed({ ns: row.ns, kind: "runs", key, op: "PUT" });
    for (const key of await disableRecurringRunsOf(db, row, context.clock.now()))
      changed({ ns: row.ns, kind: recurringRunChanges, key, op: "PUT" });
  });
  return jsonResponse({});
}

async function remove(context: ApiContext, { user }: ApiRequest, { experiment = "" }: RouteParams) {
  const row = await permittedExperiment(context, user, "delete", experiment);
  await tablesOf(context, row.ns).transaction(({ db }) => deleteExperiment(db, row));
  return jsonResponse({});
}

/** The namespace of a list that may be narrowed to an experiment, which then says it. */
export async function namespaceOfList(context: ApiContext, query: URLSearchParams, what: string): Promise<string> {
  const experiment = query.get("experiment_id");
  if (experiment) return (await requireExperiment(context, experiment)).ns;
  return namespaceFor(context, query.get("namespace"), what);
}

/**
 * The experiment of a new run: the one named, which must not be archived, or (single-user only) the default one. That may not be
 * there yet: `keepExperiment` makes it, together with the run, so that a run that is refused leaves nothing behind.
 */
export async function experimentForRun(context: ApiContext, id: string): Promise<ExperimentRow> {
  if (id === "") return defaultExperimentOf(context);
  const row = await requireExperiment(context, id);
  if (row.storage_state === "ARCHIVED") {
    throw badRequest(`experiment_id: experiment "${row.name}" is archived; restore it, or choose another`);
  }
  return row;
}

async function defaultExperimentOf(context: ApiContext): Promise<ExperimentRow> {
  const { tenancy } = context;
  if (tenancy.multiUser) throw badRequest("experiment_id: Required value: it says which namespace the run is in");
  const found = await findExperimentNamed(
    tablesOf(context, tenancy.namespace).db,
    tenancy.namespace,
    defaultExperiment,
  );
  return found ?? newDefaultExperiment(context, tenancy.namespace);
}

/** Within a transaction: the experiment as it is now, made if it is the default one. Throws ApiError NotFound for one that went. */
export async function keepExperiment(db: PipelineDatabase, row: ExperimentRow): Promise<ExperimentRow> {
  const found = await findExperiment(db, row.id);
  if (found) return found;
  if (row.name !== defaultExperiment) throw notFound("Experiment", row.id);
  const other = await findExperimentNamed(db, row.ns, row.name);
  if (other) return other;
  await insertExperiment(db, row);
  return row;
}

/** Makes the namespace's experiment "Default" if it is not there. */
export async function ensureDefaultExperiment(context: ApiContext, ns: string): Promise<void> {
  await tablesOf(context, ns).transaction(({ db }) => keepExperiment(db, newDefaultExperiment(context, ns)));
}

const newDefaultExperiment = (context: ApiContext, ns: string): ExperimentRow =>
  newExperiment(context, {
    ns,
    name: defaultExperiment,
    description: "All runs created without specifying an experiment will be grouped here.",
  });

function newExperiment(
  { ids, clock }: ApiContext,
  given: Pick<ExperimentRow, "ns" | "name" | "description">,
): ExperimentRow {
  return { ...given, id: ids.uuid(), storage_state: "AVAILABLE", created_at: clock.now(), last_run_created_at: 0 };
}

const fields = (row: ExperimentRow) => ({
  experiment_id: row.id,
  display_name: row.name,
  description: row.description,
  created_at: row.created_at,
  namespace: row.ns,
  storage_state: row.storage_state,
  last_run_created_at: row.last_run_created_at,
});

const asMessage = (row: ExperimentRow) => experimentMessage.write(fields(row));
