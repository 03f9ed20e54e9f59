import type { Route } from "@headrace/model";
import { type ApiContext, routeMaker } from "./context.ts";
import { healthMessage } from "./messages.ts";
import { jsonResponse } from "./status.ts";

/** What clients ask first: whether they must name a namespace. Answers anybody. */
export function healthRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    {
      ...route("GET", "/apis/v2beta1/healthz", async ({ tenancy }) =>
        jsonResponse(healthMessage.write({ multi_user: tenancy.multiUser, pipeline_store: "database" })),
      ),
      access: "open",
    },
  ];
}
