import { age, conditions, defineResource, type ResourceOf, s, type TypeOf } from "@headrace/model";

const limits = { startTime: s.time(), endTime: s.time() };

const trigger = s.object(
  {},
  {
    cronSchedule: s.object({}, { ...limits, cron: s.string() }),
    periodicSchedule: s.object({}, { ...limits, intervalSecond: s.integer({ format: "int64" }) }),
  },
);

const workflowStatus = s.object(
  {},
  {
    name: s.string(),
    namespace: s.string(),
    uid: s.string(),
    phase: s.string(),
    message: s.string(),
    createdAt: s.time(),
    startedAt: s.time(),
    finishedAt: s.time(),
    scheduledAt: s.time(),
    index: s.integer({ format: "int64" }),
  },
);

/** A recurring run as upstream's controller knows it: the same record as KFP's API shows. */
export const scheduledWorkflows = defineResource({
  group: "kubeflow.org",
  version: "v1beta1",
  kind: "ScheduledWorkflow",
  shortNames: ["swf"],
  description: "What makes runs of a pipeline by the clock. KFP's API shows the same as recurring runs.",
  spec: s.object(
    {},
    {
      enabled: s.boolean({ description: "While it is false there are no new runs." }),
      maxConcurrency: s.integer({ format: "int64", min: 1, max: 10, description: "Runs that may go on at a time." }),
      noCatchup: s.boolean({ description: "Of the ticks that were missed only the latest makes a run." }),
      maxHistory: s.integer({ format: "int64" }),
      trigger,
      workflow: s.object(
        {},
        {
          parameters: s.list(s.object({ name: s.string() }, { value: s.string({ description: "As JSON." }) })),
          pipelineRoot: s.string(),
          spec: s.unknown(),
        },
      ),
      experimentId: s.string(),
      pipelineId: s.string(),
      pipelineVersionId: s.string({ description: "Without it each run takes the latest version." }),
      pipelineName: s.string(),
      serviceAccount: s.string(),
      pluginsInput: s.map(s.unknown()),
    },
  ),
  status: s.object(
    {},
    {
      conditions: conditions("Enabled", "Disabled", "Running", "Succeeded", "Error"),
      trigger: s.object(
        {},
        {
          lastTriggeredTime: s.time(),
          nextTriggeredTime: s.time(),
          lastWorkflowIndex: s.integer({ format: "int64" }),
        },
      ),
      workflowHistory: s.object({}, { active: s.list(workflowStatus), completed: s.list(workflowStatus) }),
    },
  ),
  columns: [
    { name: "Enabled", type: "boolean", value: ({ spec }) => spec.enabled ?? false },
    { name: "Schedule", value: ({ spec }) => scheduleOf(spec.trigger) },
    { name: "Last", value: ({ status }, now) => ago(status?.trigger?.lastTriggeredTime, now) },
    { name: "Next", value: ({ status }) => status?.trigger?.nextTriggeredTime },
  ],
  tracksGeneration: false,
});

export type ScheduledWorkflow = ResourceOf<typeof scheduledWorkflows>;

function scheduleOf({ cronSchedule, periodicSchedule }: TypeOf<typeof trigger> = {}): string | undefined {
  if (cronSchedule) return cronSchedule.cron;
  return periodicSchedule === undefined ? "once" : `every ${periodicSchedule.intervalSecond ?? 0}s`;
}

const ago = (time: string | undefined, now: number): string | undefined => time && age(time, now);
