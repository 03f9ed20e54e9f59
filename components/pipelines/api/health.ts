import type { Route } from "@headrace/model";
import { type ApiContext, routeMaker } from "./context.ts";
import { healthMessage } from "./messages.ts";
import { jsonResponse } from "./status.ts";

/** Whose API this is; what stands behind the plus sign is ours, as in Kubernetes' own version. */
const spokenVersion = "2.17.0";

export const healthOf = ({ tenancy, version }: ApiContext) => ({
  // As upstream's says that was not built by a release; the version names the release here.
  commit_sha: "unknown",
  tag_name: version === undefined ? spokenVersion : `${spokenVersion}+headrace-${version}`,
  multi_user: tenancy.multiUser,
  pipeline_store: "database",
});

/** What clients ask first: whether they must name a namespace. Answers anybody. */
export function healthRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    {
      ...route("GET", "/apis/v2beta1/healthz", async () => jsonResponse(healthMessage.write(healthOf(context)))),
      access: "open",
    },
  ];
}
