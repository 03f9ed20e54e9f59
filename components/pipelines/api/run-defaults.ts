import type { ApiRequest, Route, RouteParams } from "@headrace/model";
import { type ApiContext, requireAccess, routeMaker } from "./context.ts";
import { serviceAccountOf } from "./pipeline-source.ts";
import { jsonResponse } from "./status.ts";

/** What a run or a recurring run of a namespace gets where it says nothing, so that forms can show it. */
export function runDefaultRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [route("GET", "/apis/headrace.io/v1/namespaces/{ns}/run-defaults", read)];
}

async function read(context: ApiContext, { user }: ApiRequest, { ns = "" }: RouteParams) {
  await requireAccess(context, user, "list", "runs", ns);
  return jsonResponse({
    pipelineRoot: context.namespaceRoot?.(ns) || context.defaultPipelineRoot,
    serviceAccount: serviceAccountOf({}),
    cronTimeZone: context.timeZone,
  });
}
