import { ApiError, type ApiRequest, badRequest, type Route, type RouteParams } from "@headrace/model";
import { taskArtifactsOf } from "../records/artifacts.ts";
import { holds } from "../records/listing.ts";
import {
  attemptsOf,
  findTask,
  findTaskByFingerprint,
  listTasks,
  neighboursOf,
  type RunRow,
  taskColumns,
  type TaskRow,
} from "../records/runs.ts";
import {
  type ApiContext,
  namespaceFor,
  notFound,
  readMessage,
  requireAccess,
  routeMaker,
  tablesOf,
} from "./context.ts";
import { type ListKind, listPage } from "./listing.ts";
import { cachedTaskQuestion, taskListMessage, taskMessage, type TaskMessage } from "./messages.ts";
import { permittedRun } from "./runs.ts";
import { jsonResponse } from "./status.ts";
import { surroundingsOf, taskMessages } from "./task-view.ts";

const collection = "/apis/v2beta1/runs/{run}/tasks";
const listKind: ListKind = { columns: taskColumns, order: "number", parameter: "order_by" };

/** The tasks of a run, to be read. Only the engine writes them. */
export function taskRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("GET", collection, list),
    route("GET", `${collection}/{task}`, get),
    route("POST", collection, refuse),
    route("PATCH", `${collection}/{task}`, refuse),
    route("POST", `${collection}:batchUpdate`, refuse),
    route("POST", "/apis/v2beta1/tasks:findCached", findCached),
  ];
}

async function list(context: ApiContext, { query, user }: ApiRequest, { run = "" }: RouteParams) {
  const row = await permittedRun(context, user, "get", run);
  const { db } = tablesOf(context, row.ns);
  const kind = { ...listKind, only: holds(taskColumns.parent_task_id, query.get("parent_id")) };
  const { rows, page } = await listPage(query, kind, (listing) => listTasks(db, row, listing));
  const tasks = await messagesOf(context, row, rows);
  return jsonResponse(taskListMessage.write({ tasks, ...page }));
}

async function get(context: ApiContext, { user }: ApiRequest, { run = "", task = "" }: RouteParams) {
  const row = await permittedRun(context, user, "get", run);
  const found = await findTask(tablesOf(context, row.ns).db, row, task);
  if (!found) throw notFound("Task", task);
  const [message = {}] = await messagesOf(context, row, [found]);
  return jsonResponse(taskMessage.write(message));
}

/** The newest task of a namespace that succeeded with a fingerprint: what a step of the same would be spared by. An empty answer if none did. */
async function findCached(context: ApiContext, request: ApiRequest) {
  const { namespace, cache_fingerprint = "" } = await readMessage(request, cachedTaskQuestion);
  if (cache_fingerprint === "") throw badRequest("cache_fingerprint: Required value");
  const ns = namespaceFor(context, namespace, "tasks");
  await requireAccess(context, request.user, "list", "runs", ns);
  const found = await findTaskByFingerprint(tablesOf(context, ns).db, ns, cache_fingerprint);
  const [task] = found ? await messagesOf(context, found, [found]) : [];
  return jsonResponse(task ? { task: taskMessage.write(task) } : {});
}

async function refuse(): Promise<never> {
  throw new ApiError("Forbidden", "Cannot write tasks: the engine itself records what runs do; they can be read");
}

async function messagesOf(
  context: ApiContext,
  row: Pick<RunRow, "ns" | "run">,
  tasks: readonly TaskRow[],
): Promise<readonly TaskMessage[]> {
  const { ns, run } = row;
  const { db } = tablesOf(context, ns);
  const ids = tasks.map(({ id }) => id);
  return taskMessages({
    tasks,
    around: surroundingsOf(await neighboursOf(db, row, tasks)),
    attempts: await attemptsOf(db, ns, run, ids),
    artifacts: await taskArtifactsOf(db, ns, run, ids),
  });
}
