import { ApiError, type ApiRequest, badRequest, type Route, type RouteParams } from "@headrace/model";
import { artifactColumns, findArtifactByUid, listArtifacts } from "../records/artifacts.ts";
import {
  type ArtifactTaskQuestion,
  type ArtifactTaskRow,
  artifactTaskColumns,
  listArtifactTasks,
  namespacesOf,
} from "../records/artifact-tasks.ts";
import { holds } from "../records/listing.ts";
import { anyTables, type ApiContext, namespaceFor, notFound, requireAccess, routeMaker, tablesOf } from "./context.ts";
import { listPage } from "./listing.ts";
import {
  artifactListMessage,
  artifactMessage,
  artifactTaskListMessage,
  artifactTypeNames,
  ioType,
  ioTypeNames,
} from "./messages.ts";
import { jsonResponse } from "./status.ts";
import { artifactMessageOf, artifactTypes } from "./task-view.ts";

const collection = "/apis/v2beta1/artifacts";
const taskCollection = "/apis/v2beta1/artifact_tasks";

const columns = artifactColumns(artifactTypes, artifactTypeNames);
const taskColumns = artifactTaskColumns(ioTypeNames);
const maxIds = 200;

/** Artifacts, and which tasks made and used them, as the version after 2.17 shows them, to be read. Only the engine writes them. */
export function artifactRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("GET", collection, list),
    route("GET", `${collection}/{artifact}`, get),
    route("GET", taskCollection, listTasks),
    ...[collection, `${collection}:batchCreate`, taskCollection, `${taskCollection}:batchCreate`].map((path) =>
      route("POST", path, refuse),
    ),
  ];
}

async function list(context: ApiContext, { query, user }: ApiRequest) {
  const ns = namespaceFor(context, query.get("namespace"), "artifacts");
  await requireAccess(context, user, "readArtifact", "runs", ns);
  const { db } = tablesOf(context, ns);
  const { rows, page } = await listPage(query, { columns }, (listing) => listArtifacts(db, ns, listing));
  return jsonResponse(artifactListMessage.write({ artifacts: rows.map(artifactMessageOf), ...page }));
}

async function get(context: ApiContext, { user }: ApiRequest, { artifact = "" }: RouteParams) {
  const row = await findArtifactByUid(anyTables(context), artifact);
  if (!row) throw notFound("Artifact", artifact);
  await requireAccess(context, user, "readArtifact", "runs", row.ns);
  return jsonResponse(artifactMessage.write(artifactMessageOf(row)));
}

/** The edges of the lineage at some artifacts, tasks or runs: with each, what is at its other end, by id and by name. */
async function listTasks(context: ApiContext, { query, user }: ApiRequest) {
  const question: ArtifactTaskQuestion = {
    artifacts: readIds(query, "artifact_ids"),
    tasks: readIds(query, "task_ids"),
    runs: readIds(query, "run_ids"),
  };
  const type = readType(query.get("type") ?? "");
  await permitQuestion(context, user, question);
  // The lineage has no times of its own: it comes in the order in which it came to be.
  const kind = { columns: taskColumns, order: "number", only: holds(taskColumns.type, type) };
  const db = anyTables(context);
  const { rows, page } = await listPage(query, kind, (listing) => listArtifactTasks(db, question, listing));
  return jsonResponse(artifactTaskListMessage.write({ artifact_tasks: rows.map(artifactTaskMessageOf), ...page }));
}

/** Ids repeated in the query, or separated by commas. */
function readIds(query: URLSearchParams, name: string): readonly string[] {
  const ids = query.getAll(name).flatMap((value) => value.split(",").filter((id) => id !== ""));
  if (ids.length > maxIds) throw badRequest(`${name}: has ${ids.length} ids, ${maxIds} are allowed`);
  return [...new Set(ids)];
}

function readType(text: string) {
  return text === "" ? undefined : ioType.read(/^\d+$/.test(text) ? Number(text) : text, "type");
}

async function permitQuestion(
  context: ApiContext,
  user: ApiRequest["user"],
  question: ArtifactTaskQuestion,
): Promise<void> {
  const { artifacts, tasks, runs } = question;
  const ids = [...artifacts, ...tasks, ...runs];
  if (ids.length === 0) throw badRequest("Required value: artifact_ids, task_ids or run_ids: give at least one");
  const namespaces = await namespacesOf(anyTables(context), question);
  const unknown = ids.find((id) => !namespaces.has(id));
  if (unknown !== undefined) throw notFound("Artifact, task or run", unknown);
  for (const ns of new Set(namespaces.values())) await requireAccess(context, user, "readArtifact", "runs", ns);
}

const artifactTaskMessageOf = (row: ArtifactTaskRow) => ({
  id: row.id,
  artifact_id: row.artifact,
  run_id: row.run,
  task_id: row.task,
  type: ioType.read(row.type, "type"),
  ...(row.producer !== null && {
    producer: {
      task_name: row.producer,
      ...(row.producer_iteration !== null && { iteration: row.producer_iteration }),
    },
  }),
  key: row.key,
  task_name: row.task_name,
  run_name: row.run_name,
  namespace: row.ns,
  task: { number: row.task_number, key: row.task_key, type: row.task_type, state: row.task_state },
  artifact: { number: row.artifact_number, schema_title: row.artifact_type },
});

async function refuse(): Promise<never> {
  throw new ApiError(
    "Forbidden",
    "Cannot write artifacts of runs: the engine itself records what steps make and take; let a step make the artifact, or import it with dsl.importer",
  );
}
