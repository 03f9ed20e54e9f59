import { type Clock, formatTime, type ProjectionChange } from "@headrace/model";
import { activeRunStates, finalRunStates, type Records, type RunState } from "@headrace/records";
import { isObject, parseObject } from "../core/json.ts";
import { due } from "../core/schedule.ts";
import {
  recurringRunChanges,
  recurringRunsAsObjects,
  type RecurringRunRow,
  scheduleOf,
} from "../records/recurring-runs.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import { type ScheduledWorkflow, scheduledWorkflows } from "../resources/index.ts";
import type { View } from "./projection.ts";
import { recordView, shownMetadata } from "./record-view.ts";
import { phaseOf } from "./workflow-phase.ts";

/** Labels that say the state, as upstream's controller sets them. */
export const scheduleLabels = {
  enabled: "scheduledworkflows.kubeflow.org/enabled",
  status: "scheduledworkflows.kubeflow.org/status",
} as const;

/** Ended runs that are shown, as upstream unless it is told otherwise. */
const shownRuns = 10;

export function scheduledWorkflowProjection(
  records: Records,
  options: {
    readonly clock: Clock;
    readonly timeZone: string;
    readonly write: (change: ProjectionChange) => Promise<void>;
  },
): View<ScheduledWorkflow> {
  return recordView(records, {
    definition: scheduledWorkflows,
    changes: recurringRunChanges,
    pageSize: 500,
    write: options.write,
    async find(db, search) {
      const rows = await recurringRunsAsObjects(db, search);
      return Promise.all(
        rows.map(async (row) =>
          toObject(row, { history: await historyOf(db, row), zone: options.timeZone, now: options.clock.now() }),
        ),
      );
    },
  });
}

type WorkflowStatus = NonNullable<
  NonNullable<NonNullable<ScheduledWorkflow["status"]>["workflowHistory"]>["active"]
>[number];

interface History {
  readonly active: readonly WorkflowStatus[];
  readonly completed: readonly WorkflowStatus[];
}

/** Its runs, the newest first: those that go on, and the last few that ended. */
async function historyOf(db: PipelineDatabase, { ns, id }: RecurringRunRow): Promise<History> {
  const runs = db
    .selectFrom("pipeline_run")
    .innerJoin("run", "run.id", "pipeline_run.run")
    .select(["run.id", "run.state", "run.started_at", "run.finished_at", "run.created_at"])
    .select(["pipeline_run.resource_name", "pipeline_run.scheduled_at", "pipeline_run.recurring_index"])
    .where("pipeline_run.ns", "=", ns)
    .where("pipeline_run.recurring_run", "=", id)
    .orderBy("pipeline_run.scheduled_at", "desc")
    .limit(shownRuns);
  const active = await runs.where("run.state", "in", activeRunStates).execute();
  const completed = await runs.where("run.state", "in", finalRunStates).execute();
  const shown = (run: (typeof active)[number]): WorkflowStatus => ({
    name: run.resource_name,
    namespace: ns,
    uid: run.id,
    phase: phaseOf(run.state as RunState),
    createdAt: formatTime(run.created_at),
    ...(run.started_at !== null && { startedAt: formatTime(run.started_at) }),
    ...(run.finished_at !== null && { finishedAt: formatTime(run.finished_at) }),
    scheduledAt: formatTime(run.scheduled_at),
    ...(run.recurring_index !== null && { index: run.recurring_index }),
  });
  return { active: active.map(shown), completed: completed.map(shown) };
}

function toObject(
  row: RecurringRunRow,
  { history, zone, now }: { history: History; zone: string; now: number },
): ScheduledWorkflow {
  const { state, message } = conditionOf(row, history);
  return {
    apiVersion: "kubeflow.org/v1beta1",
    kind: "ScheduledWorkflow",
    metadata: {
      name: row.name,
      namespace: row.ns,
      uid: row.id,
      creationTimestamp: formatTime(row.created_at),
      ...shownMetadata(row, { [scheduleLabels.enabled]: String(row.enabled === 1), [scheduleLabels.status]: state }),
    },
    spec: specOf(row),
    status: {
      conditions: [
        {
          type: state,
          status: "True",
          reason: state,
          message,
        },
      ],
      trigger: triggerStatusOf(row, zone, now),
      workflowHistory: history,
    },
  };
}

/** The one condition that holds, as upstream has it, where those that happen once have words of their own. */
function conditionOf(row: RecurringRunRow, { active }: History) {
  if (row.error !== null) return { state: "Error", message: row.error } as const;
  if (row.cron !== null || row.interval_seconds !== null) {
    if (row.enabled) return { state: "Enabled", message: "The schedule is enabled." } as const;
    return { state: "Disabled", message: "The schedule is disabled." } as const;
  }
  if (row.last_at !== null && active.length === 0)
    return { state: "Succeeded", message: "The one-off schedule has succeeded." } as const;
  return { state: "Running", message: "The one-off schedule is running." } as const;
}

function specOf(row: RecurringRunRow): ScheduledWorkflow["spec"] {
  const parameters = Object.entries(parseObject(row.parameters)).map(([name, value]) => ({
    name,
    value: JSON.stringify(value),
  }));
  const limits = {
    ...(row.start_at !== null && { startTime: formatTime(row.start_at) }),
    ...(row.end_at !== null && { endTime: formatTime(row.end_at) }),
  };
  const workflow = {
    ...(parameters.length > 0 && { parameters }),
    ...(row.pipeline_root !== "" && { pipelineRoot: row.pipeline_root }),
  };
  return {
    enabled: row.enabled === 1,
    maxConcurrency: row.max_concurrency,
    noCatchup: row.no_catchup === 1,
    trigger: {
      ...(row.cron !== null && { cronSchedule: { ...limits, cron: row.cron } }),
      ...(row.interval_seconds !== null && {
        periodicSchedule: { ...limits, intervalSecond: row.interval_seconds },
      }),
    },
    ...(isObject(workflow) && Object.keys(workflow).length > 0 && { workflow }),
    experimentId: row.experiment,
    ...(row.pipeline !== null && { pipelineId: row.pipeline }),
    ...(row.pipeline_version !== null && { pipelineVersionId: row.pipeline_version }),
    serviceAccount: row.service_account,
  };
}

/** The next time is that of an enabled one: as upstream, it is told of a disabled one too, for when it is enabled. */
function triggerStatusOf(row: RecurringRunRow, zone: string, now: number) {
  const last = row.last_at ?? undefined;
  const { ticks, next } = due(scheduleOf(row), { last, now, limit: 1, zone });
  const [waiting = next] = ticks;
  return {
    ...(last !== undefined && { lastTriggeredTime: formatTime(last), lastWorkflowIndex: row.last_index }),
    ...(waiting !== undefined && { nextTriggeredTime: formatTime(waiting) }),
  };
}
