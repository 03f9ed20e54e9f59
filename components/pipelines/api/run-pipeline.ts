import type { ApiRequest, ApiResponse, Route, RouteParams } from "@headrace/model";
import { readDocument } from "../records/documents.ts";
import { type ApiContext, notFound, routeMaker, tablesOf } from "./context.ts";
import { permittedRun } from "./runs.ts";

/** The pipeline of a run alone, as it is stored: the run itself comes with all its tasks, which may be thousands. */
export function runPipelineRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [route("GET", "/apis/headrace.io/v1/namespaces/{ns}/runs/{run}/pipeline", read)];
}

async function read(
  context: ApiContext,
  { user }: ApiRequest,
  { ns = "", run = "" }: RouteParams,
): Promise<ApiResponse> {
  const row = await permittedRun(context, user, "get", run);
  if (row.ns !== ns) throw notFound("Run", run);
  const body = await readDocument(tablesOf(context, ns).db, ns, row.spec);
  if (body === undefined) throw notFound("Pipeline", `of run ${run}`);
  return { status: 200, headers: { "content-type": "application/json" }, body };
}
