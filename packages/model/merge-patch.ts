import { isEqual, isObject, own, type JsonObject } from "./json.ts";

/** The value after an RFC 7396 patch: objects are joined, null removes, everything else replaces. Nothing that came in is changed; parts that stay are shared. */
export function applyMergePatch(value: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = { ...(isObject(value) ? value : {}) };
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) delete result[name];
    else result[name] = applyMergePatch(own(result, name), change);
  }
  return result;
}

/** The smallest RFC 7396 patch that makes `after` of `before`; `{}` if they are the same. Neither may hold nulls, which such a patch can't say. */
export function mergePatchBetween(before: JsonObject, after: JsonObject): JsonObject {
  const patch: Record<string, unknown> = {};
  for (const name of Object.keys(before)) if (own(after, name) === undefined) patch[name] = null;
  for (const [name, next] of Object.entries(after)) {
    const last = own(before, name);
    if (next === undefined || next === last) continue;
    if (!isObject(last) || !isObject(next)) {
      if (!isEqual(last, next)) patch[name] = next;
      continue;
    }
    const inner = mergePatchBetween(last, next);
    if (Object.keys(inner).length > 0) patch[name] = inner;
  }
  return patch;
}
