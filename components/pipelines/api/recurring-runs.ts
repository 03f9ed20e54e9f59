import type { ApiRequest, Route, RouteParams } from "@headrace/model";
import { type ApiContext, namespaceFor, notFound, requireAccess, routeMaker } from "./context.ts";
import { jsonResponse, unimplemented } from "./status.ts";

/** Schedules are not supported yet: there are none, and none can be made. */
export function recurringRunRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("GET", "/apis/v2beta1/recurringruns", list),
    route("POST", "/apis/v2beta1/recurringruns", create),
    route("GET", "/apis/v2beta1/recurringruns/{recurring}", missing),
    route("POST", "/apis/v2beta1/recurringruns/{recurring}", missing),
    route("DELETE", "/apis/v2beta1/recurringruns/{recurring}", missing),
  ];
}

async function list(context: ApiContext, { query, user }: ApiRequest) {
  // Clients may list by experiment alone, which says nothing about jobs that do not exist.
  const ns =
    query.get("experiment_id") && !query.get("namespace")
      ? ""
      : namespaceFor(context, query.get("namespace"), "recurring runs");
  if (ns) await requireAccess(context, user, "list", "jobs", ns);
  return jsonResponse({});
}

async function create(): Promise<never> {
  throw unimplemented("Cannot create a recurring run: schedules are not supported yet; create runs one by one");
}

async function missing(_: ApiContext, __: ApiRequest, { recurring = "" }: RouteParams): Promise<never> {
  throw notFound("RecurringRun", recurring.replace(/:(enable|disable)$/, ""));
}
