import { type ApiRequest, badRequest, type Route, type RouteParams } from "@headrace/model";
import { attemptsOf, type RunRow, taskArtifactsOf, tasksOf } from "../records/runs.ts";
import { type ApiContext, notFound, routeMaker, tablesOf } from "./context.ts";
import { taskListMessage, taskMessage, type TaskMessage } from "./messages.ts";
import { permittedRun } from "./runs.ts";
import { jsonResponse, unimplemented } from "./status.ts";
import { taskMessages } from "./task-view.ts";

const collection = "/apis/v2beta1/runs/{run}/tasks";
const defaultPageSize = 20;
const maxPageSize = 200;

/** The tasks of a run, to be read. Only the engine writes them. */
export function taskRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("GET", collection, list),
    route("GET", `${collection}/{task}`, get),
    route("POST", collection, refuse),
    route("PATCH", `${collection}/{task}`, refuse),
  ];
}

async function list(context: ApiContext, { query, user }: ApiRequest, { run = "" }: RouteParams) {
  const parent = query.get("parent_id") ?? "";
  for (const name of ["filter", "order_by"]) {
    if (query.get(name))
      throw badRequest(`${name}: is not supported for tasks, which come in the order of their creation`);
  }
  const row = await permittedRun(context, user, "get", run);
  const all = await messagesOf(context, row);
  const tasks = parent ? all.filter((task) => task.parent_task_id === parent) : all;
  const start = readToken(query.get("page_token") ?? "");
  const end = start + readSize(query.get("page_size") ?? "");
  return jsonResponse(
    taskListMessage.write({
      tasks: tasks.slice(start, end),
      total_size: tasks.length,
      ...(end < tasks.length && { next_page_token: Buffer.from(String(end)).toString("base64") }),
    }),
  );
}

async function get(context: ApiContext, { user }: ApiRequest, { run = "", task = "" }: RouteParams) {
  const row = await permittedRun(context, user, "get", run);
  const found = (await messagesOf(context, row)).find((message) => message.task_id === task);
  if (!found) throw notFound("Task", task);
  return jsonResponse(taskMessage.write(found));
}

async function refuse(): Promise<never> {
  throw unimplemented("Cannot write tasks: the engine does; they can be read");
}

async function messagesOf(context: ApiContext, { ns, run }: RunRow): Promise<readonly TaskMessage[]> {
  const { db } = tablesOf(context, ns);
  return taskMessages({
    tasks: await tasksOf(db, ns, run),
    attempts: await attemptsOf(db, ns, run),
    artifacts: await taskArtifactsOf(db, ns, run),
  });
}

// Tasks are only ever added, at the end: their number so far is where the next page starts.
function readToken(text: string): number {
  const start = text === "" ? 0 : Number(Buffer.from(text, "base64").toString());
  if (!Number.isSafeInteger(start) || start < 0)
    throw badRequest("page_token: Invalid value: send back the next_page_token of the page before");
  return start;
}

function readSize(text: string): number {
  const size = Number(text || defaultPageSize);
  if (!Number.isInteger(size) || size < 0) throw badRequest(`page_size: Invalid value: "${text}": must be 0 or more`);
  return size === 0 ? defaultPageSize : Math.min(size, maxPageSize);
}
