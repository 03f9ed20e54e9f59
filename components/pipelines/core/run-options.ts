import { badRequest, parseDuration } from "@headrace/model";
import type { JsonObject, JsonValue } from "./json.ts";

/** What a run may be told beyond KFP's own settings, as the plugin `headrace` of its `plugins_input`. */
export interface RunOptions {
  /** Whether tasks that do not wait for a failed one begin all the same. */
  readonly keepGoing: boolean;
  /** How old an earlier success may be to be used again; undefined for no limit. */
  readonly cacheMaxAgeMs: number | undefined;
}

const place = "plugins_input.headrace";

/** Throws ApiError BadRequest that names the field, for another plugin too: there is none. */
export function readRunOptions(plugins: Readonly<Record<string, JsonObject>>): RunOptions {
  const other = Object.keys(plugins).find((name) => name !== "headrace");
  if (other !== undefined)
    throw badRequest(
      `plugins_input.${other}: Unsupported value: no such plugin is configured; supported is "headrace"`,
    );
  const { keepGoing = false, cacheMaxAge, ...unknown } = plugins["headrace"] ?? {};
  const [extra] = Object.keys(unknown);
  if (extra !== undefined) throw badRequest(`${place}.${extra}: Unknown field: known are keepGoing and cacheMaxAge`);
  if (typeof keepGoing !== "boolean") throw badRequest(`${place}.keepGoing: Invalid value: must be true or false`);
  return { keepGoing, cacheMaxAgeMs: cacheMaxAge === undefined ? undefined : readAge(cacheMaxAge) };
}

/** As the run shows them. */
export function showRunOptions({ keepGoing, cacheMaxAgeMs }: RunOptions): Readonly<Record<string, JsonObject>> {
  const options = {
    ...(keepGoing && { keepGoing }),
    ...(cacheMaxAgeMs !== undefined && { cacheMaxAge: `${cacheMaxAgeMs / 1000}s` }),
  };
  return Object.keys(options).length > 0 ? { headrace: options } : {};
}

function readAge(value: JsonValue): number {
  const ms = typeof value === "string" ? parseDuration(value) : undefined;
  if (ms !== undefined && ms >= 0 && Number.isSafeInteger(Math.ceil(ms))) return Math.ceil(ms);
  throw badRequest(`${place}.cacheMaxAge: Invalid value: must be a duration such as "24h" or "90m"`);
}
