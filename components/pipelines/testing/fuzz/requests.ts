import type { Route } from "@headrace/model";
import { addPipeline } from "../pipeline-specs.ts";
import type { CallOptions } from "../platform.ts";
import type { Chance } from "./chance.ts";
import { bodyShapes, filterShape } from "./route-shapes.ts";
import { hostileUpload } from "./uploads.ts";
import { anyValue, hostileText, mutated, valueOf } from "./values.ts";

/** A request, and which route it was made for. */
export interface FuzzRequest {
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly options: CallOptions;
}

/** Makes requests for the routes, from what their patterns and messages say and from ids that answers brought. */
export interface RequestMaker {
  next(): Promise<FuzzRequest>;
  /** Remembers the ids in an answer. */
  learn(answer: unknown): void;
}

/** Ids of each kind that are remembered: the newest. */
const memory = 20;

const queryNames = [
  "page_size",
  "page_token",
  "sort_by",
  "order_by",
  "filter",
  "namespace",
  "experiment_id",
  "pipeline_id",
  "recurring_run_id",
  "pipelineid",
  "parent_id",
  "view",
  "cascade",
  "propagation_policy",
  "name",
  "display_name",
  "description",
  "tags",
  "code_source_url",
  "artifact_ids",
  "task_ids",
  "run_ids",
  "type",
  "path",
  "limit",
  "follow",
  "resource_reference_key.type",
  "resource_reference_key.id",
  "pipeline_name",
] as const;

/** A server may take no more of a request's head than it likes, and hang up: that is no answer to look at. */
const maxQueryText = 1500;

const verbs = ["archive", "unarchive", "terminate", "retry", "enable", "disable", "read", "fly"] as const;

export function requestMaker(routes: readonly Route[], chance: Chance): RequestMaker {
  const ids = new Map<string, string[]>();
  const known = (name: string): unknown => {
    if (name === "pipeline_spec") return chance.percent(60) ? addPipeline() : mutated(addPipeline(), chance);
    if (name === "parameters") return chance.percent(70) ? { a: chance.below(9) } : undefined;
    if (name === "pipeline_url") return "http://127.0.0.1:1/x.yaml";
    if (name === "storage_state" || name === "state") return undefined;
    if (/^(display_)?name$/.test(name)) return `n${chance.below(2000)}`;
    return chance.pick(ids.get(name) ?? []);
  };
  const remember = (name: string, id: string): void => {
    const list = ids.get(name) ?? [];
    list.push(id);
    if (list.length > memory) list.shift();
    ids.set(name, list);
  };
  return {
    async next() {
      const route = chance.pick(routes);
      if (!route) throw new RangeError("There are no routes");
      const { method, pattern } = route;
      const key = `${method} ${pattern}`;
      const path = pattern
        .split("/")
        .map((part) => (part.startsWith("{") ? segment(part.slice(1, -1).replace("...", ""), chance, known) : part))
        .join("/");
      const query = queryOf(chance, known);
      if (/\/upload(_version)?$/.test(pattern)) {
        const named = chance.percent(70)
          ? { ...query, name: String(known("name")), pipelineid: String(known("pipeline_id") ?? "") }
          : query;
        return { route: key, method, path, options: { query: named, ...(await hostileUpload(chance)) } };
      }
      return { route: key, method, path, options: { query, ...bodyOf(key, method, chance, known) } };
    },
    learn(answer) {
      for (const [name, id] of idsIn(answer, 0)) remember(name, id);
    },
  };
}

function segment(name: string, chance: Chance, known: (name: string) => unknown): string {
  const id = chance.percent(75) ? known(`${name}_id`) : undefined;
  const text =
    typeof id === "string"
      ? id
      : hostileText(chance)
          .replaceAll(/[\ud800-\udfff]/g, "")
          .slice(0, 500);
  const verb = chance.percent(35) ? `:${chance.pick(verbs)}` : "";
  return `${encodeURIComponent(text)}${verb}`;
}

function queryOf(chance: Chance, known: (name: string) => unknown): Record<string, string> {
  const count = chance.percent(50) ? 0 : 1 + chance.below(4);
  const names = Array.from({ length: count }, () =>
    chance.percent(95) ? chance.pick(queryNames) : hostileText(chance),
  );
  const short = (text: string): string => text.slice(0, maxQueryText);
  return Object.fromEntries(names.map((name) => [short(name), short(queryValue(name, chance, known))]));
}

function queryValue(name: string, chance: Chance, known: (name: string) => unknown): string {
  if (chance.percent(15)) return hostileText(chance);
  if (name === "filter") return JSON.stringify(valueOf(filterShape, chance, filterKnown(chance)));
  if (name === "tags") return JSON.stringify(chance.percent(50) ? { team: "a" } : anyValue(chance));
  if (name === "page_size" || name === "limit")
    return String(chance.pick([0, 1, 2, 20, 200, 201, -1, 1.5, 1e9] as const));
  if (name === "sort_by" || name === "order_by")
    return `${columnName(chance)} ${chance.pick(["", "asc", "DESC", "up"] as const)}`;
  const id = known(name.endsWith("_ids") ? name.slice(0, -1) : name);
  return typeof id === "string" ? id : hostileText(chance);
}

const columnNames = [
  "id",
  "name",
  "display_name",
  "created_at",
  "state",
  "storage_state",
  "namespace",
  "type",
  "number",
  "tags.team",
  "finished_at",
] as const;
const columnName = (chance: Chance): string => (chance.percent(90) ? chance.pick(columnNames) : hostileText(chance));

const filterKnown = (chance: Chance) => (name: string) => (name === "key" ? columnName(chance) : undefined);

function bodyOf(key: string, method: string, chance: Chance, known: (name: string) => unknown): CallOptions {
  if (method === "GET" || method === "DELETE") return chance.percent(3) ? { body: anyValue(chance) } : {};
  if (chance.percent(4)) return { bytes: chance.bytes(chance.below(200)) };
  const good = goodBody(key, chance, known);
  const shape = bodyShapes[key];
  if (good !== undefined && chance.percent(50)) return { body: chance.percent(60) ? good : mutated(good, chance) };
  if (!shape) return chance.percent(70) ? {} : { body: anyValue(chance) };
  const body = chance.percent(90) ? valueOf(shape, chance, known) : anyValue(chance);
  const text = JSON.stringify(chance.percent(20) ? mutated(body, chance) : body) ?? "";
  return { bytes: Buffer.from(chance.percent(3) ? text.slice(0, chance.below(text.length + 1)) : text) };
}

/** What is taken, so that there is something to list, to read and to act on. */
function goodBody(key: string, chance: Chance, known: (name: string) => unknown): unknown {
  const name = known("name");
  const reference = { pipeline_id: known("pipeline_id"), pipeline_version_id: known("pipeline_version_id") };
  const source =
    chance.percent(60) || !reference.pipeline_version_id
      ? { pipeline_spec: addPipeline() }
      : { pipeline_version_reference: reference };
  const run = { display_name: name, ...source, runtime_config: { parameters: { a: chance.below(9) } } };
  switch (key) {
    case "POST /apis/v2beta1/experiments":
      return { display_name: name };
    case "POST /apis/v2beta1/pipelines":
      return { name, tags: { team: "a" } };
    case "POST /apis/v2beta1/pipelines/create":
      return { pipeline: { name }, pipeline_version: { pipeline_spec: addPipeline() } };
    case "POST /apis/v2beta1/pipelines/{pipeline}/versions":
      return { name, pipeline_spec: addPipeline() };
    case "PATCH /apis/v2beta1/pipelines/{pipeline}":
    case "PATCH /apis/v2beta1/pipelines/{pipeline}/versions/{version}":
      return { display_name: name, tags: { team: "b" } };
    case "POST /apis/v2beta1/runs":
      return { ...run, experiment_id: known("experiment_id") };
    case "POST /apis/v2beta1/recurringruns":
      return {
        ...run,
        max_concurrency: 1,
        mode: "ENABLE",
        trigger: chance.percent(50)
          ? { cron_schedule: { cron: "0 0 * * * *" } }
          : { periodic_schedule: { interval_second: "3600" } },
      };
    default:
      return undefined;
  }
}

function* idsIn(value: unknown, depth: number): Generator<[string, string]> {
  if (typeof value !== "object" || value === null || depth > 6) return;
  for (const [name, each] of Object.entries(value)) {
    if (typeof each === "string" && (name.endsWith("_id") || name === "next_page_token")) {
      yield [name === "next_page_token" ? "page_token" : name, each];
      // What a path calls a version goes by a longer name in messages.
      if (name === "pipeline_version_id") yield ["version_id", each];
      if (name === "recurring_run_id") yield ["recurring_id", each];
    } else yield* idsIn(each, depth + 1);
  }
}
