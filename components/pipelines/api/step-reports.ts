import {
  ApiError,
  type ApiRequest,
  badRequest,
  readBody,
  type Route,
  type RouteParams,
  type StepReport,
} from "@headrace/model";
import { isObject } from "../core/json.ts";
import { reportPattern } from "../core/pod.ts";
import { findRun } from "../records/runs.ts";
import { anyTables, type ApiContext, notFound, routeMaker } from "./context.ts";
import { jsonResponse } from "./status.ts";

/** Files of a report are limited one by one by who collects them; this is what they may come to. */
const reportLimit = 64 * 1024 * 1024;

/** Where a node tells that a step has ended. Answers once it is recorded; telling it again changes nothing. */
export function stepReportRoutes(context: ApiContext): readonly Route[] {
  return [routeMaker(context)("POST", reportPattern, report)];
}

async function report(context: ApiContext, request: ApiRequest, { run = "", task = "", attempt = "" }: RouteParams) {
  const db = anyTables(context);
  const key = { run, task: Number(task), n: Number(attempt) };
  if (!Number.isSafeInteger(key.task) || !Number.isSafeInteger(key.n)) throw notFound("Attempt", `${task}/${attempt}`);
  const known = await db
    .selectFrom("attempt")
    .select(["ns", "pod"])
    .where("run", "=", run)
    .where("task", "=", key.task)
    .where("n", "=", key.n)
    .executeTakeFirst();
  if (!known) throw (await findRun(db, run)) ? notFound("Attempt", `${task}/${attempt}`) : notFound("Run", run);
  await requireReporter(context, request, known.ns, known.pod);
  await context.engine.report(key, await readReport(request, known.ns, known.pod));
  return jsonResponse({});
}

/** A pod reports its own step, with an identity that is bound to it; administrators may for any. */
async function requireReporter(
  { authorizer }: ApiContext,
  { user }: ApiRequest,
  namespace: string,
  name: string,
): Promise<void> {
  const decision = await authorizer.authorize({
    user,
    verb: "create",
    group: "headrace.io",
    resource: "pods/report",
    namespace,
    name,
  });
  if (!decision.allowed) {
    throw new ApiError("Forbidden", `User "${user.name}" cannot report for pod "${name}" in namespace "${namespace}"`);
  }
}

async function readReport(request: ApiRequest, ns: string, pod: string): Promise<StepReport> {
  const value = request.value ?? parse(await readBody(request, reportLimit));
  if (!isStepReport(value)) throw badRequest("Cannot read the step's report: a field is missing or of the wrong type");
  if (value.pod.namespace !== ns || value.pod.name !== pod) {
    throw badRequest(
      `Cannot take the step's report: it is of pod "${value.pod.name}", and the attempt's pod is "${pod}"`,
    );
  }
  return value;
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw badRequest("Cannot read the step's report: it is not JSON", { cause });
  }
}

function isStepReport(value: unknown): value is StepReport {
  if (!isObject(value)) return false;
  const { pod, exitCode, reason, message, finishedAt, files, refused, outputs, log, tail, diskFull } = value;
  return (
    isObject(pod) &&
    typeof pod["namespace"] === "string" &&
    typeof pod["name"] === "string" &&
    typeof exitCode === "number" &&
    typeof finishedAt === "number" &&
    [reason, message, tail].every((text) => typeof text === "string") &&
    isObject(files) &&
    isObject(refused) &&
    isObject(outputs) &&
    (log === undefined || (isObject(log) && typeof log["size"] === "number" && typeof log["digest"] === "string")) &&
    (diskFull === undefined || diskFull === true) &&
    [files, refused].every((texts) => Object.values(texts).every((text) => typeof text === "string")) &&
    Object.values(outputs).every((output) => isObject(output) && typeof output["kind"] === "string")
  );
}
