import { isObject, type JsonObject } from "../core/json.ts";
import { withoutCaching } from "../core/caching.ts";
import type { Trigger } from "../core/schedule.ts";
import { pythonCall, pythonClient } from "./python-code.ts";

/** What the form for a new run asks the server for. */
export interface RunRequest {
  readonly name: string;
  readonly description: string;
  readonly experiment: { readonly id: string; readonly name: string } | undefined;
  readonly serviceAccount: string;
  readonly pipelineRoot: string;
  readonly parameters: JsonObject;
  /** False switches caching off for every step. */
  readonly caching: boolean;
  /** A duration such as `24h`; empty for any age. */
  readonly cacheMaxAge: string;
  readonly keepGoing: boolean;
  /** A version, the latest of each time, or a pipeline of the run's own. */
  readonly source:
    | { readonly pipeline: string; readonly version: string; readonly always: boolean; readonly spec: unknown }
    | { readonly spec: unknown };
  readonly schedule?: RunSchedule | undefined;
}

export interface RunSchedule {
  readonly trigger: Trigger;
  /** RFC 3339. */
  readonly startAt: string | undefined;
  readonly endAt: string | undefined;
  readonly catchUp: boolean;
  readonly maxConcurrency: number;
}

/** Where the request goes, and what it holds. */
export function requestOf(it: RunRequest): { readonly path: string; readonly body: JsonObject } {
  const config = {
    ...(Object.keys(it.parameters).length > 0 && { parameters: it.parameters }),
    ...(it.pipelineRoot !== "" && { pipeline_root: it.pipelineRoot }),
  };
  const body: JsonObject = {
    display_name: it.name,
    ...(it.description !== "" && { description: it.description }),
    ...(it.experiment && { experiment_id: it.experiment.id }),
    ...sourceOf(it),
    ...(Object.keys(config).length > 0 && { runtime_config: config }),
    ...(it.serviceAccount !== "" && { service_account: it.serviceAccount }),
    ...pluginsOf(it),
  };
  if (!it.schedule) return { path: "/apis/v2beta1/runs", body };
  const { catchUp, maxConcurrency } = it.schedule;
  return {
    path: "/apis/v2beta1/recurringruns",
    body: {
      ...body,
      trigger: triggerBody(it.schedule),
      max_concurrency: String(maxConcurrency),
      ...(!catchUp && { no_catchup: true }),
      mode: "ENABLE",
    },
  };
}

/** What KFP has no words for. */
function pluginsOf({ keepGoing, cacheMaxAge }: Pick<RunRequest, "keepGoing" | "cacheMaxAge">) {
  const headrace: JsonObject = { ...(keepGoing && { keepGoing }), ...(cacheMaxAge !== "" && { cacheMaxAge }) };
  return Object.keys(headrace).length > 0 && { plugins_input: { headrace } };
}

function sourceOf({ source, caching }: RunRequest): JsonObject {
  const spec = isObject(source.spec) ? source.spec : {};
  // As kfp's `enable_caching=False`: caching is a property of the pipeline, so a changed one is sent in its place.
  if (!caching) return { pipeline_spec: uncached(spec) };
  if (!("pipeline" in source)) return { pipeline_spec: spec };
  const { pipeline, version, always } = source;
  return { pipeline_version_reference: { pipeline_id: pipeline, ...(!always && { pipeline_version_id: version }) } };
}

function uncached(spec: JsonObject): JsonObject {
  const wrapped = spec["pipeline_spec"];
  if (!isObject(wrapped)) return withoutCaching({ pipelineSpec: spec }).pipelineSpec;
  return { ...spec, pipeline_spec: withoutCaching({ pipelineSpec: wrapped }).pipelineSpec };
}

function triggerBody({ trigger, startAt, endAt }: RunSchedule): JsonObject {
  const limits = {
    ...(startAt !== undefined && { start_time: startAt }),
    ...(endAt !== undefined && { end_time: endAt }),
  };
  if ("cron" in trigger) return { cron_schedule: { ...limits, cron: trigger.cron } };
  return { periodic_schedule: { ...limits, interval_second: String(Math.round(trigger.intervalMs / 1000)) } };
}

/** The same with kfp's client. */
export function pythonOf(it: RunRequest, host: string): string {
  const { source, schedule } = it;
  const own = !("pipeline" in source) || !it.caching;
  const experiment = it.experiment
    ? `experiment = client.get_experiment(experiment_name=${JSON.stringify(it.experiment.name)})\n`
    : `experiment = client.get_experiment(experiment_name="Default")\n`;
  const shared = [
    { code: "experiment_id=experiment.experiment_id" },
    ["job_name", it.name] as const,
    own ? (["pipeline_package_path", "pipeline.yaml"] as const) : undefined,
    own || !("pipeline" in source) ? undefined : (["pipeline_id", source.pipeline] as const),
    own || !("pipeline" in source) ? undefined : (["version_id", source.version] as const),
    Object.keys(it.parameters).length === 0 ? undefined : (["params", it.parameters] as const),
    it.pipelineRoot === "" ? undefined : (["pipeline_root", it.pipelineRoot] as const),
    it.caching ? undefined : (["enable_caching", false] as const),
    it.serviceAccount === "" ? undefined : (["service_account", it.serviceAccount] as const),
  ];
  // The calls of kfp's client have no argument for it, and leaving it out in silence would be another run.
  const plugins = pluginsOf(it);
  const missing = plugins === false ? "" : `# kfp has no argument for ${JSON.stringify(plugins)}: send it as JSON.\n`;
  const start = `${missing}${pythonClient(host)}${experiment}`;
  if (!schedule) return `${start}${pythonCall("client.run_pipeline", shared)}\n`;
  const { trigger } = schedule;
  const call = pythonCall("client.create_recurring_run", [
    ...shared,
    it.description === "" ? undefined : ["description", it.description],
    "cron" in trigger ? ["cron_expression", trigger.cron] : ["interval_second", Math.round(trigger.intervalMs / 1000)],
    schedule.startAt === undefined ? undefined : ["start_time", schedule.startAt],
    schedule.endAt === undefined ? undefined : ["end_time", schedule.endAt],
    ["max_concurrency", schedule.maxConcurrency],
    schedule.catchUp ? undefined : ["no_catchup", true],
  ]);
  return `${start}${call}\n`;
}

/** The request's body for reading: a whole pipeline in it would hide the rest. */
export function jsonOf(it: RunRequest): string {
  const { path, body } = requestOf(it);
  const spec = body["pipeline_spec"];
  const shown = spec === undefined ? body : { ...body, pipeline_spec: "…" };
  return `POST ${path}\n\n${JSON.stringify(shown, undefined, 2)}`;
}
