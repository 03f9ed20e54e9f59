import { ApiError } from "@headrace/model";

/**
 * `<id>:<verb>`, the last segment of a path that acts on something. Throws ApiError for a verb that is not listed: the path of
 * the thing itself does not take the method, unless `otherwise` says that nothing is there.
 */
export function splitVerb<const V extends string>(
  segment: string,
  verbs: readonly V[],
  otherwise: "MethodNotAllowed" | "NotFound" = "MethodNotAllowed",
): { id: string; verb: V } {
  const colon = segment.lastIndexOf(":");
  const verb = verbs.find((known) => known === segment.slice(colon + 1));
  if (colon < 1 || !verb) {
    throw new ApiError(
      otherwise,
      `Nothing is at this path: expected an id and one of ${verbs.map((known) => `:${known}`).join(", ")}`,
    );
  }
  return { id: segment.slice(0, colon), verb };
}
