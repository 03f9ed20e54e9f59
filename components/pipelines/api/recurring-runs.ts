import { type ApiRequest, badRequest, isApiError, type Route, type RouteParams, type User } from "@headrace/model";
import type { Insertable } from "kysely";
import { nextCronTime, parseCron } from "../core/cron.ts";
import type { Pipeline } from "../core/ir.ts";
import { parseObject } from "../core/json.ts";
import { checkParameters } from "../core/parameters.ts";
import { recurringRunName } from "../core/recurring-run.ts";
import { readRunOptions, showRunOptions } from "../core/run-options.ts";
import { documentValue } from "../core/spec.ts";
import { keepDocument, readDocuments } from "../records/documents.ts";
import { type ExperimentRow, findExperiment } from "../records/experiments.ts";
import { holds, textColumn } from "../records/listing.ts";
import {
  deleteRecurringRun,
  findRecurringRun,
  insertRecurringRun,
  listRecurringRuns,
  recurringRunChanges,
  recurringRunColumns,
  type RecurringRunRow,
  unfinishedRunsOf,
  updateRecurringRun,
} from "../records/recurring-runs.ts";
import type { RecurringRunTable } from "../records/tables.ts";
import {
  anyTables,
  type ApiContext,
  checkLength,
  longText,
  lookup,
  readMessage,
  requireAccess,
  requireName,
  routeMaker,
  tablesOf,
} from "./context.ts";
import { experimentForRun, keepExperiment, namespaceOfList } from "./experiments.ts";
import { listPage } from "./listing.ts";
import {
  propagationPolicy,
  recurringRunListMessage,
  recurringRunMessage,
  type RecurringRunMessage,
} from "./messages.ts";
import { checkPipelineRoot, pipelineSource, serviceAccountOf } from "./pipeline-source.ts";
import { jsonResponse } from "./status.ts";
import { splitVerb } from "./verbs.ts";

const maxNameLength = 255;
const collection = "/apis/v2beta1/recurringruns";

const { required: requireRecurringRun, permitted: permittedRecurringRun } = lookup({
  what: "RecurringRun",
  resource: "jobs",
  find: findRecurringRun,
});

/** What makes runs by the clock: the controller does, from the rows that are written here. */
export function recurringRunRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("POST", collection, create),
    route("GET", collection, list),
    route("GET", `${collection}/{recurring}`, get),
    route("POST", `${collection}/{recurring}`, act),
    route("DELETE", `${collection}/{recurring}`, remove),
  ];
}

async function create(context: ApiContext, request: ApiRequest) {
  const body = await readMessage(request, recurringRunMessage);
  const experiment = await experimentForRun(context, body.experiment_id ?? "");
  await requireAccess(context, request.user, "create", "jobs", experiment.ns);
  const fresh = await newRecurringRun(context, request.user, experiment, body);
  await addRecurringRun(context, fresh);
  return jsonResponse(await show(context, await requireRecurringRun(context, fresh.row.id)));
}

export interface NewRecurringRun {
  /** Made with the recurring run, if it is the default one and not there yet. */
  readonly experiment: ExperimentRow;
  readonly row: Omit<Insertable<RecurringRunTable>, "spec">;
  /** The pipeline that it is bound to; absent if each run takes the latest version. */
  readonly content: string | undefined;
}

/** A recurring run, checked as a run is. Nothing is written. */
export async function newRecurringRun(
  context: ApiContext,
  user: User,
  experiment: ExperimentRow,
  body: RecurringRunMessage,
): Promise<NewRecurringRun> {
  const { keepGoing, cacheMaxAgeMs } = readRunOptions(body.plugins_input ?? {});
  const display_name = requireName(body.display_name, "display_name", maxNameLength);
  const description = body.description ?? "";
  checkLength(description, "description", longText);
  const source = await pipelineSource(context, user, body);
  const now = context.clock.now();
  const row = {
    id: context.ids.uuid(),
    ns: experiment.ns,
    experiment: experiment.id,
    name: recurringRunName(display_name, context.ids.suffix(5)),
    display_name,
    description,
    ...readSettings(context, experiment.ns, body, source.pipeline),
    pipeline: source.pipelineId,
    pipeline_version: source.isNewest ? null : source.versionId,
    created_at: now,
    updated_at: now,
    last_at: null,
    last_index: 0,
    keep_going: keepGoing ? 1 : 0,
    cache_max_age: cacheMaxAgeMs ?? null,
    error: null,
  };
  const content = source.isNewest ? undefined : JSON.stringify(documentValue(source.pipeline.document));
  return { row, experiment, content };
}

export async function addRecurringRun(
  context: ApiContext,
  { row, experiment, content }: NewRecurringRun,
): Promise<void> {
  const { ns, created_at: now } = row;
  await tablesOf(context, ns).transaction(async ({ db, changed }) => {
    const spec = content === undefined ? null : await keepDocument(db, { ns, content, now });
    await insertRecurringRun(db, { ...row, experiment: (await keepExperiment(db, experiment)).id, spec });
    changed({ ns, kind: recurringRunChanges, key: row.name, op: "PUT" });
  });
}

/** What of a recurring run may be changed later. */
export function readSettings(context: ApiContext, ns: string, body: RecurringRunMessage, pipeline: Pipeline) {
  const { parameters = {}, pipeline_root = "" } = body.runtime_config ?? {};
  checkParameters(pipeline, parameters);
  return {
    enabled: body.mode === "ENABLE" ? 1 : 0,
    max_concurrency: readConcurrency(body),
    no_catchup: body.no_catchup ? 1 : 0,
    ...readTrigger(context, body),
    parameters: JSON.stringify(parameters),
    pipeline_root: checkPipelineRoot(context, ns, pipeline, pipeline_root),
    service_account: serviceAccountOf(body),
  };
}

function readConcurrency({ max_concurrency = 0 }: RecurringRunMessage): number {
  if (max_concurrency < 1 || max_concurrency > 10) {
    throw badRequest(`max_concurrency: Invalid value: ${max_concurrency}: must be at least 1 and at most 10`);
  }
  return max_concurrency;
}

/** Either a cron expression or an interval, each with a start and an end; neither of them, as upstream, is a run right now. */
function readTrigger({ clock, timeZone }: ApiContext, { trigger = {} }: RecurringRunMessage) {
  const { cron_schedule, periodic_schedule } = trigger;
  const { start_time: start_at = null, end_time: end_at = null } = cron_schedule ?? periodic_schedule ?? {};
  if (start_at !== null && end_at !== null && end_at < start_at) {
    const schedule = cron_schedule ? "cron_schedule" : "periodic_schedule";
    throw badRequest(`trigger.${schedule}.end_time: Invalid value: it is before start_time, so no run would ever come`);
  }
  if (cron_schedule) {
    const place = "trigger.cron_schedule.cron";
    const { cron = "" } = cron_schedule;
    if (cron.trim() === "") throw badRequest(`${place}: Required value`);
    if (nextCronTime(parseCron(cron, place), Math.max(clock.now(), start_at ?? 0), timeZone) === undefined)
      throw badRequest(`${place}: Invalid value: "${cron}": there is no such time within the next five years`);
    return { cron, interval_seconds: null, start_at, end_at };
  }
  if (!periodic_schedule) return { cron: null, interval_seconds: null, start_at, end_at };
  const { interval_second = 0 } = periodic_schedule;
  if (interval_second < 1 || interval_second > maxInterval) {
    throw badRequest(
      `trigger.periodic_schedule.interval_second: Invalid value: ${interval_second}: must be at least 1 and at most ${maxInterval}`,
    );
  }
  return { cron: null, interval_seconds: interval_second, start_at, end_at };
}

/** A hundred years. */
const maxInterval = 3_155_760_000;

async function list(context: ApiContext, { query, user }: ApiRequest) {
  const ns = await namespaceOfList(context, query, "recurring runs");
  await requireAccess(context, user, "list", "jobs", ns);
  const { db } = tablesOf(context, ns);
  const only = holds(textColumn("recurring_run.experiment"), query.get("experiment_id"));
  const kind = { columns: recurringRunColumns, only };
  const { rows, page } = await listPage(query, kind, (listing) => listRecurringRuns(db, ns, listing));
  const recurringRuns = await messagesOf(context, ns, rows);
  return jsonResponse(recurringRunListMessage.write({ recurringRuns, ...page }));
}

async function get(context: ApiContext, { user }: ApiRequest, { recurring = "" }: RouteParams) {
  return jsonResponse(await show(context, await permittedRecurringRun(context, user, "get", recurring)));
}

async function act(context: ApiContext, { user }: ApiRequest, { recurring = "" }: RouteParams) {
  const { id, verb } = splitVerb(recurring, ["enable", "disable"]);
  const row = await permittedRecurringRun(context, user, verb, id);
  if (verb === "enable") await requireOpenExperiment(context, row);
  await setEnabled(context, row, verb === "enable");
  return jsonResponse({});
}

/** Runs cannot be made in an archived experiment. */
export async function requireOpenExperiment(context: ApiContext, row: RecurringRunRow): Promise<void> {
  const experiment = await findExperiment(anyTables(context), row.experiment);
  if (experiment?.storage_state !== "ARCHIVED") return;
  throw badRequest(
    `Cannot enable recurring run "${row.display_name}": its experiment "${experiment.name}" is archived; restore that first`,
  );
}

async function setEnabled(context: ApiContext, row: RecurringRunRow, isEnabled: boolean): Promise<void> {
  const { ns, name } = row;
  await tablesOf(context, ns).transaction(async ({ db, changed }) => {
    await updateRecurringRun(db, row, { enabled: isEnabled ? 1 : 0, updated_at: context.clock.now(), error: null });
    changed({ ns, kind: recurringRunChanges, key: name, op: "PUT" });
  });
}

async function remove(context: ApiContext, { query, user }: ApiRequest, { recurring = "" }: RouteParams) {
  const row = await permittedRecurringRun(context, user, "delete", recurring);
  const policy = readPolicy(query.get("propagation_policy") ?? "");
  await endRecurringRun(context, row, { orphan: policy === "ORPHAN" });
  return jsonResponse({});
}

/**
 * As upstream, where runs belong to their ScheduledWorkflow: those that have not ended are stopped with it, unless they are to be
 * orphaned. It makes no more of them while they stop.
 */
export async function endRecurringRun(
  context: ApiContext,
  row: RecurringRunRow,
  { orphan }: { orphan: boolean },
): Promise<void> {
  if (!orphan) {
    await setEnabled(context, row, false);
    const runs = await unfinishedRunsOf(tablesOf(context, row.ns).db, row);
    await Promise.all(runs.map((id) => stop(context, { ns: row.ns, id })));
  }
  await tablesOf(context, row.ns).transaction(async ({ db, changed }) => {
    await deleteRecurringRun(db, row);
    changed({ ns: row.ns, kind: recurringRunChanges, key: row.name, op: "DELETE" });
  });
}

/** One that ended by itself meanwhile needs no more stopping. */
async function stop(context: ApiContext, run: { readonly ns: string; readonly id: string }): Promise<void> {
  try {
    await context.engine.terminate(run);
  } catch (error) {
    if (!isApiError(error, "BadRequest") && !isApiError(error, "NotFound")) throw error;
  }
}

function readPolicy(text: string) {
  return text === ""
    ? undefined
    : propagationPolicy.read(/^\d+$/.test(text) ? Number(text) : text, "propagation_policy");
}

async function show(context: ApiContext, row: RecurringRunRow) {
  const [shown = {}] = await messagesOf(context, row.ns, [row]);
  return recurringRunMessage.write(shown);
}

async function messagesOf(
  context: ApiContext,
  ns: string,
  rows: readonly RecurringRunRow[],
): Promise<readonly RecurringRunMessage[]> {
  const specs = rows.flatMap((row) => (row.spec !== null && !referenceOf(row) ? [row.spec] : []));
  const documents = await readDocuments(tablesOf(context, ns).db, ns, specs);
  return rows.map((row) => ({ ...fields(row), ...sourceFields(row, documents) }));
}

function fields(row: RecurringRunRow): RecurringRunMessage {
  const parameters = parseObject(row.parameters);
  const isConfigured = Object.keys(parameters).length > 0 || row.pipeline_root !== "";
  return {
    recurring_run_id: row.id,
    display_name: row.display_name,
    description: row.description,
    service_account: row.service_account,
    max_concurrency: row.max_concurrency,
    trigger: triggerOf(row),
    mode: row.enabled ? "ENABLE" : "DISABLE",
    status: row.enabled ? "ENABLED" : "DISABLED",
    created_at: row.created_at,
    updated_at: row.updated_at,
    no_catchup: row.no_catchup !== 0,
    namespace: row.ns,
    experiment_id: row.experiment,
    plugins_input: showRunOptions({ keepGoing: row.keep_going === 1, cacheMaxAgeMs: row.cache_max_age ?? undefined }),
    ...(isConfigured && { runtime_config: { parameters, pipeline_root: row.pipeline_root } }),
    ...(row.error !== null && { error: { code: failedPrecondition, message: row.error } }),
  };
}

/** google.rpc.Code */
const failedPrecondition = 9;

function triggerOf(row: RecurringRunRow): NonNullable<RecurringRunMessage["trigger"]> {
  const limits = {
    ...(row.start_at !== null && { start_time: row.start_at }),
    ...(row.end_at !== null && { end_time: row.end_at }),
  };
  if (row.cron !== null) return { cron_schedule: { ...limits, cron: row.cron } };
  if (row.interval_seconds === null) return {};
  return { periodic_schedule: { ...limits, interval_second: row.interval_seconds } };
}

/** The version that it is bound to while that exists, or the pipeline whose latest version each run takes. */
function referenceOf({ pipeline, version, spec }: RecurringRunRow): RecurringRunMessage["pipeline_version_reference"] {
  if (pipeline === null) return undefined;
  if (spec === null) return { pipeline_id: pipeline };
  return version === null ? undefined : { pipeline_id: pipeline, pipeline_version_id: version };
}

/** The reference, else the spec itself. Never both: clients take it for a choice. */
function sourceFields(row: RecurringRunRow, documents: ReadonlyMap<string, string>): RecurringRunMessage {
  const pipeline_version_reference = referenceOf(row);
  if (pipeline_version_reference) return { pipeline_version_reference };
  return { pipeline_spec: parseObject(documents.get(row.spec ?? "") ?? null) };
}
