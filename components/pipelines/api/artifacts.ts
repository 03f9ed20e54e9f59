import type { ApiRequest, Route, RouteParams } from "@headrace/model";
import { artifactColumns, findArtifactByUid, listArtifacts } from "../records/runs.ts";
import { anyTables, type ApiContext, namespaceFor, notFound, requireAccess, routeMaker, tablesOf } from "./context.ts";
import { pageFields, readListRequest } from "./listing.ts";
import { artifactListMessage, artifactMessage } from "./messages.ts";
import { jsonResponse, unimplemented } from "./status.ts";
import { artifactMessageOf } from "./task-view.ts";

const collection = "/apis/v2beta1/artifacts";

/** Artifacts as the version after 2.17 shows them, to be read. Only the engine writes them. */
export function artifactRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return [
    route("GET", collection, list),
    route("GET", `${collection}/{artifact}`, get),
    route("POST", collection, refuse),
  ];
}

async function list(context: ApiContext, { query, user }: ApiRequest) {
  const ns = namespaceFor(context, query.get("namespace"), "artifacts");
  await requireAccess(context, user, "readArtifact", "runs", ns);
  const asked = readListRequest(query, artifactColumns);
  const page = await listArtifacts(tablesOf(context, ns).db, ns, asked.listing);
  const artifacts = page.rows.map(artifactMessageOf);
  return jsonResponse(artifactListMessage.write({ artifacts, ...pageFields(page, asked) }));
}

async function get(context: ApiContext, { user }: ApiRequest, { artifact = "" }: RouteParams) {
  const row = await findArtifactByUid(anyTables(context), artifact);
  if (!row) throw notFound("Artifact", artifact);
  await requireAccess(context, user, "readArtifact", "runs", row.ns);
  return jsonResponse(artifactMessage.write(artifactMessageOf(row)));
}

async function refuse(): Promise<never> {
  throw unimplemented("Cannot write artifacts: the engine does; they can be read");
}
