import { ApiError } from "@headrace/model";

/** `<id>:<verb>`, the last segment of a path that acts on something. Throws ApiError NotFound for a verb that is not listed. */
export function splitVerb<const V extends string>(segment: string, verbs: readonly V[]): { id: string; verb: V } {
  const colon = segment.lastIndexOf(":");
  const verb = verbs.find((known) => known === segment.slice(colon + 1));
  if (colon < 1 || !verb) {
    throw new ApiError(
      "NotFound",
      `Nothing is at this path: expected an id and one of ${verbs.map((known) => `:${known}`).join(", ")}`,
    );
  }
  return { id: segment.slice(0, colon), verb };
}
