import { isRecord, type Requester } from "@headrace/ui-kit";
import type { Trigger } from "../core/schedule.ts";
import { everyPage, recordOf, textOf } from "./listing.ts";

/** A recurring run, which the pages call a schedule. Times are RFC 3339. */
export interface Schedule {
  readonly id: string;
  readonly displayName: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly namespace: string;
  readonly experiment: string;
  /** Both empty if it has a pipeline of its own; without a version it runs the latest. */
  readonly pipeline: string;
  readonly version: string;
  readonly spec: unknown;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly pipelineRoot: string;
  readonly serviceAccount: string;
  readonly trigger: Trigger | undefined;
  readonly startAt: string;
  readonly endAt: string;
  readonly catchUp: boolean;
  /** Runs of it at the same time. */
  readonly maxConcurrency: number;
  readonly error: string;
  /** What is said beyond KFP's own fields. */
  readonly plugins: Readonly<Record<string, unknown>>;
}

const schedulesRoot = "/apis/v2beta1/recurringruns";
const pathOf = (id: string): string => `${schedulesRoot}/${encodeURIComponent(id)}`;

/** Newest first. */
export async function listSchedules(
  request: Requester,
  of: { readonly namespace?: string; readonly experiment?: string },
  signal: AbortSignal,
): Promise<readonly Schedule[]> {
  const query = {
    sort_by: "created_at desc",
    ...(of.namespace !== undefined && of.namespace !== "" && { namespace: of.namespace }),
    ...(of.experiment !== undefined && { experiment_id: of.experiment }),
  };
  const rows = await everyPage(request, schedulesRoot, { query, field: "recurringRuns", pageSize: 200, signal });
  return rows.map(readSchedule);
}

export async function getSchedule(request: Requester, id: string, signal: AbortSignal): Promise<Schedule> {
  return readSchedule(await request.json(pathOf(id), { signal }));
}

export async function enableSchedule(request: Requester, id: string, enabled: boolean): Promise<void> {
  await request.json(`${pathOf(id)}:${enabled ? "enable" : "disable"}`, { method: "POST", body: {} });
}

/** Runs of it that go on are stopped, unless they are to be left alone; those that ended stay. */
export async function deleteSchedule(
  request: Requester,
  id: string,
  { orphan }: { readonly orphan: boolean },
): Promise<void> {
  await request.json(`${pathOf(id)}${orphan ? "?propagation_policy=ORPHAN" : ""}`, { method: "DELETE" });
}

function readSchedule(value: unknown): Schedule {
  const row = isRecord(value) ? value : {};
  const reference = recordOf(value, "pipeline_version_reference");
  const config = recordOf(value, "runtime_config");
  const spec = recordOf(value, "pipeline_spec");
  const trigger = recordOf(value, "trigger");
  const cron = recordOf(trigger, "cron_schedule");
  const periodic = recordOf(trigger, "periodic_schedule");
  const seconds = Number(periodic["interval_second"] ?? 0);
  const words = textOf(cron, "cron");
  return {
    id: textOf(value, "recurring_run_id"),
    displayName: textOf(value, "display_name"),
    description: textOf(value, "description"),
    enabled: textOf(value, "status") === "ENABLED",
    createdAt: textOf(value, "created_at"),
    updatedAt: textOf(value, "updated_at"),
    namespace: textOf(value, "namespace"),
    experiment: textOf(value, "experiment_id"),
    pipeline: textOf(reference, "pipeline_id"),
    version: textOf(reference, "pipeline_version_id") || textOf(value, "pipeline_version_id"),
    spec: Object.keys(spec).length > 0 ? spec : undefined,
    parameters: recordOf(config, "parameters"),
    pipelineRoot: textOf(config, "pipeline_root"),
    serviceAccount: textOf(value, "service_account"),
    trigger: words !== "" ? { cron: words } : seconds > 0 ? { intervalMs: seconds * 1000 } : undefined,
    startAt: textOf(cron, "start_time") || textOf(periodic, "start_time"),
    endAt: textOf(cron, "end_time") || textOf(periodic, "end_time"),
    catchUp: row["no_catchup"] !== true,
    maxConcurrency: Number(row["max_concurrency"] ?? 1),
    error: textOf(recordOf(value, "error"), "message"),
    plugins: recordOf(value, "plugins_input"),
  };
}
