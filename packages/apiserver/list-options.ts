import { badRequest } from "@headrace/model";
import type { PageQuery } from "./source.ts";
import { revisionOf } from "./watch.ts";

/** Which page of which state a list is about. Throws BadRequest where the options contradict each other. */
export function listOptions(query: URLSearchParams): Omit<PageQuery, "namespace" | "selection"> {
  const limit = limitOf(query);
  const from = query.get("continue") ?? "";
  const revision = revisionOf("resourceVersion", query.get("resourceVersion") ?? "");
  const match = query.get("resourceVersionMatch") ?? "";
  if (from !== "" && revision !== undefined && revision !== 0) {
    throw badRequest("specifying resource version is not allowed when using continue");
  }
  if (match !== "" && from !== "") throw badRequest("resourceVersionMatch is forbidden when continue is provided");
  if (match !== "" && revision === undefined)
    throw badRequest("resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (match !== "" && match !== "Exact" && match !== "NotOlderThan") {
    throw badRequest(
      `resourceVersionMatch: Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan"`,
    );
  }
  if (match === "Exact" && revision === 0)
    throw badRequest('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
  return {
    ...(limit !== undefined && { limit }),
    ...(from !== "" && { continue: from }),
    ...(revision !== undefined && revision > 0 && (match === "Exact" ? { at: revision } : { notBefore: revision })),
  };
}

/** 0 is no limit, as upstream. */
function limitOf(query: URLSearchParams): number | undefined {
  const text = query.get("limit") ?? "";
  if (text === "" || text === "0") return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw badRequest(`limit: Invalid value: ${JSON.stringify(text)}: must be a whole number of objects`);
  return Number(text);
}
