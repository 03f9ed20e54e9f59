import { type ApiRequest, badRequest, type Route, type RouteParams } from "@headrace/model";
import { parseObject } from "../core/json.ts";
import { checkParameters } from "../core/parameters.ts";
import { documentValue } from "../core/spec.ts";
import { readRunOptions, showRunOptions } from "../core/run-options.ts";
import { keepDocument, readDocuments } from "../records/documents.ts";
import { findExperiment } from "../records/experiments.ts";
import {
  countTasks,
  failuresOf,
  findRun,
  findRunOfSchedule,
  insertRun,
  listRuns,
  runColumns,
  type RunRow,
  setRunStorage,
  statesOf,
} from "../records/runs.ts";
import { findRecurringRun } from "../records/recurring-runs.ts";
import { holds, textColumn, type ListCondition } from "../records/listing.ts";
import {
  anyTables,
  type ApiContext,
  checkLength,
  longText,
  lookup,
  notFound,
  readMessage,
  requireAccess,
  requireName,
  routeMaker,
  tablesOf,
} from "./context.ts";
import { experimentForRun, keepExperiment, namespaceOfList } from "./experiments.ts";
import { listPage } from "./listing.ts";
import { retryMessage, runListMessage, runMessage, type RunMessage } from "./messages.ts";
import { checkPipelineRoot, pipelineSource, serviceAccountOf } from "./pipeline-source.ts";
import { listText, runWithTasks, withField } from "./run-details.ts";
import { runError, shownState } from "./run-status.ts";
import { jsonResponse, jsonTextResponse } from "./status.ts";
import { splitVerb } from "./verbs.ts";

const maxNameLength = 255;
const maxRetriedTasks = 1000;
/** Of all runs of a page with their tasks. */
const maxListedTasks = 10_000;

const { required: requireRun, permitted: permittedRun } = lookup({ what: "Run", resource: "runs", find: findRun });

export { permittedRun };

export function runRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("POST", "/apis/v2beta1/runs", create),
    route("GET", "/apis/v2beta1/runs", list),
    route("GET", "/apis/v2beta1/runs/{run}", get),
    route("POST", "/apis/v2beta1/runs/{run}", act),
    route("DELETE", "/apis/v2beta1/runs/{run}", remove),
    route("POST", "/apis/headrace.io/v1/namespaces/{ns}/runs/{run}/retry", retryFrom),
  ];
}

async function create(context: ApiContext, request: ApiRequest) {
  const body = await readMessage(request, runMessage);
  const experiment = await experimentForRun(context, body.experiment_id || (request.query.get("experiment_id") ?? ""));
  const { ns } = experiment;
  await requireAccess(context, request.user, "create", "runs", ns);
  const { keepGoing, cacheMaxAgeMs } = readRunOptions(body.plugins_input ?? {});
  const source = await pipelineSource(context, request.user, body);
  const { pipeline } = source;
  const parameters = body.runtime_config?.parameters ?? {};
  checkParameters(pipeline, parameters);
  const pipeline_root = checkPipelineRoot(context, ns, pipeline, body.runtime_config?.pipeline_root ?? "");
  const description = body.description ?? "";
  checkLength(description, "description", longText);
  if (Object.keys(body.plugins_output ?? {}).length > 0)
    throw badRequest("plugins_output: Forbidden: a run that is to be made has none yet; leave it out");
  const display_name = requireName(body.display_name, "display_name", maxNameLength);
  const recurring_run = await recurringRunOf(context, ns, body.recurring_run_id);
  const isArchived = body.storage_state === "ARCHIVED";
  const now = context.clock.now();
  const id = context.ids.uuid();
  const row = {
    run: id,
    ns,
    display_name,
    description,
    storage_state: isArchived ? "ARCHIVED" : "AVAILABLE",
    archived_at: isArchived ? now : null,
    pipeline: source.pipelineId,
    pipeline_version: source.versionId,
    pipeline_name: pipeline.name,
    resource_name: `${pipeline.name}-${context.ids.suffix(5)}`,
    parameters: JSON.stringify(parameters),
    pipeline_root,
    service_account: serviceAccountOf(body),
    cache: 1,
    cache_max_age: cacheMaxAgeMs ?? null,
    keep_going: keepGoing ? 1 : 0,
    created_at: now,
    scheduled_at: body.scheduled_at || now,
    recurring_run,
  } as const;
  const content = JSON.stringify(documentValue(pipeline.document));
  const made = await tablesOf(context, ns).transaction(async ({ db, changed }) => {
    const known = recurring_run === null ? undefined : await findRunOfSchedule(db, recurring_run, display_name);
    if (known !== undefined) return known;
    const { id: kept } = await keepExperiment(db, experiment);
    await insertRun(db, { ...row, experiment: kept, spec: await keepDocument(db, { ns, content, now }) });
    changed({ ns, kind: "runs", key: id, op: "PUT" });
    return id;
  });
  context.engine.submitted({ ns, id: made });
  return showRun(context, await requireRun(context, made), { full: false });
}

/** The schedule that a run is filed under, if its client says one: whose runs go by their names, so that none is made twice. */
async function recurringRunOf(context: ApiContext, ns: string, id: string | undefined): Promise<string | null> {
  if (!id) return null;
  const recurring = await findRecurringRun(tablesOf(context, ns).db, id);
  if (recurring?.ns !== ns) throw notFound("RecurringRun", id);
  return id;
}

async function list(context: ApiContext, { query, user }: ApiRequest) {
  const isFull = readView(query) === "FULL";
  const ns = await namespaceOfList(context, query, "runs");
  await requireAccess(context, user, "list", "runs", ns);
  const { db } = tablesOf(context, ns);
  const kind = { columns: runColumns, only: narrowings(query) };
  const { rows, page } = await listPage(query, kind, (listing) => listRuns(db, ns, listing));
  const runs = await showRuns(context, ns, rows);
  if (!isFull) return jsonResponse(runListMessage.write({ runs, ...page }));
  const count = runs.reduce((sum, { task_count = 0 }) => sum + task_count, 0);
  if (runs.length > 1 && count > maxListedTasks) {
    throw badRequest(
      `view: FULL of these ${runs.length} runs is ${count} tasks, ${maxListedTasks} are allowed; send a smaller page_size, or list the tasks of each run`,
    );
  }
  const texts: string[] = [];
  for (const [index, row] of rows.entries()) {
    texts.push(await runWithTasks(context, row, runs[index] ?? {}, { full: true }));
  }
  return jsonTextResponse(withField(JSON.stringify(runListMessage.write(page)), "runs", listText(texts)));
}

/** Filters that have a place of their own in the query. */
function narrowings(query: URLSearchParams): readonly ListCondition[] {
  const columns = {
    experiment_id: "pipeline_run.experiment",
    pipeline_id: "pipeline_run.pipeline",
    recurring_run_id: "pipeline_run.recurring_run",
  };
  return Object.entries(columns).flatMap(([name, reference]) => holds(textColumn(reference), query.get(name)));
}

async function get(context: ApiContext, { query, user }: ApiRequest, { run = "" }: RouteParams) {
  const row = await permittedRun(context, user, "get", run);
  return showRun(context, row, { full: readView(query) === "FULL" });
}

function readView(query: URLSearchParams): "DEFAULT" | "FULL" {
  const view = query.get("view") || "DEFAULT";
  if (view === "DEFAULT" || view === "0") return "DEFAULT";
  if (view === "FULL" || view === "1") return "FULL";
  throw badRequest(`view: Unsupported value: "${view}": supported values: DEFAULT, FULL`);
}

async function act(context: ApiContext, { user }: ApiRequest, { run = "" }: RouteParams) {
  const { id, verb } = splitVerb(run, ["archive", "unarchive", "terminate", "retry"]);
  const row = await permittedRun(context, user, verb, id);
  await actions[verb](context, row);
  return jsonResponse({});
}

const actions = {
  archive: (context: ApiContext, row: RunRow) => store(context, row, "ARCHIVED"),
  async unarchive(context: ApiContext, row: RunRow) {
    const experiment = await findExperiment(anyTables(context), row.experiment);
    if (experiment?.storage_state === "ARCHIVED") {
      throw badRequest(
        `Cannot restore run "${row.display_name}": its experiment "${experiment.name}" is archived; restore that first`,
      );
    }
    await store(context, row, "AVAILABLE");
  },
  terminate: (context: ApiContext, { ns, run }: RunRow) => context.engine.terminate({ ns, id: run }),
  retry: (context: ApiContext, row: RunRow) => retry(context, row),
};

async function retry(context: ApiContext, row: RunRow, from?: readonly string[]): Promise<void> {
  const { ns, run, storage_state, display_name } = row;
  if (storage_state === "ARCHIVED")
    throw badRequest(`Cannot retry run "${display_name}": it is archived; restore it first`);
  await context.engine.retry({ ns, id: run }, from);
}

/** Ours, beside KFP's `:retry`: what succeeded can be run again too, from the tasks on that are named. */
async function retryFrom(context: ApiContext, request: ApiRequest, { ns = "", run = "" }: RouteParams) {
  const row = await permittedRun(context, request.user, "retry", run);
  if (row.ns !== ns) throw notFound("Run", run);
  const { from = [] } = await readMessage(request, retryMessage);
  if (from.length > maxRetriedTasks) throw badRequest(`from: Must have at most ${maxRetriedTasks} items`);
  await retry(context, row, from);
  return jsonResponse({});
}

async function store(context: ApiContext, row: RunRow, state: "AVAILABLE" | "ARCHIVED"): Promise<void> {
  await tablesOf(context, row.ns).transaction(async ({ db, changed }) => {
    await setRunStorage(db, row, state, context.clock.now());
    changed({ ns: row.ns, kind: "runs", key: row.run, op: "PUT" });
  });
}

async function remove(context: ApiContext, { user }: ApiRequest, { run = "" }: RouteParams) {
  const row = await permittedRun(context, user, "delete", run);
  await context.removeRun(row);
  return jsonResponse({});
}

async function showRun(context: ApiContext, row: RunRow, view: { readonly full: boolean }) {
  const [run = {}] = await showRuns(context, row.ns, [row]);
  return jsonTextResponse(await runWithTasks(context, row, run, view));
}

/** Runs without their tasks, as lists show them. */
async function showRuns(context: ApiContext, ns: string, rows: readonly RunRow[]): Promise<readonly RunMessage[]> {
  const { db } = tablesOf(context, ns);
  const ids = rows.map((row) => row.run);
  const states = Map.groupBy(await statesOf(db, ns, ids), (state) => state.run);
  const failed = rows.filter((row) => row.state === "FAILED").map((row) => row.run);
  const failures = await failuresOf(db, ns, failed);
  const counts = await countTasks(db, ids);
  const documents = await readDocuments(
    db,
    ns,
    rows.filter((row) => !versionOf(row)).map((row) => row.spec),
  );
  return rows.map((row) => ({
    ...fields(row),
    ...sourceFields(row, documents),
    error: runError(row, failures.get(row.run)),
    state_history: historyOf(row, states.get(row.run) ?? []),
    task_count: counts.get(row.run) ?? 0,
  }));
}

function historyOf(
  row: RunRow,
  states: Awaited<ReturnType<typeof statesOf>>,
): NonNullable<RunMessage["state_history"]> {
  return states.map(({ at, state, error }) => ({
    update_time: at,
    state: shownState(state as RunRow["state"]),
    ...(error !== null && { error: runError({ ...row, state: state as RunRow["state"], error }) }),
  }));
}

const fields = (row: RunRow): RunMessage => ({
  experiment_id: row.experiment,
  run_id: row.run,
  display_name: row.display_name,
  storage_state: row.storage_state,
  description: row.description,
  runtime_config: { parameters: parseObject(row.parameters), pipeline_root: row.pipeline_root },
  service_account: row.service_account,
  created_at: row.created_at,
  scheduled_at: row.scheduled_at,
  // Clients expect it always; unfinished is the epoch.
  finished_at: row.finished_at ?? 0,
  state: shownState(row.state),
  recurring_run_id: row.recurring_run ?? "",
  plugins_input: showRunOptions({ keepGoing: row.keep_going === 1, cacheMaxAgeMs: row.cache_max_age ?? undefined }),
});

/** The version that a run was made from, while that exists. */
function versionOf({ pipeline, version }: RunRow): RunMessage["pipeline_version_reference"] {
  return version && pipeline ? { pipeline_id: pipeline, pipeline_version_id: version } : undefined;
}

/** The version, else the spec itself. Never both: clients take it for a choice. */
function sourceFields(row: RunRow, documents: ReadonlyMap<string, string>): RunMessage {
  const pipeline_version_reference = versionOf(row);
  if (pipeline_version_reference) return { pipeline_version_reference };
  return { pipeline_spec: parseObject(documents.get(row.spec) ?? null) };
}
