import {
  alreadyExists,
  badRequest,
  cause,
  invalid,
  isApiError,
  type KubeObject,
  notFound,
  type ProjectionChange,
  type StatusCause,
  type User,
} from "@headrace/model";
import { keptMetadata, refuseUnkept, requireUnchanged } from "../controllers/record-view.ts";
import { scheduleLabels } from "../controllers/scheduled-workflow-projection.ts";
import type { Pipeline } from "../core/ir.ts";
import { type JsonValue, parseObject } from "../core/json.ts";
import { readPipelineDocument } from "../core/spec.ts";
import { readDocument } from "../records/documents.ts";
import {
  findRecurringRunNamed,
  recurringRunChanges,
  type RecurringRunRow,
  updateRecurringRun,
} from "../records/recurring-runs.ts";
import { type ScheduledWorkflow, scheduledWorkflows as definition } from "../resources/index.ts";
import { type ApiContext, tablesOf } from "./context.ts";
import { experimentForRun } from "./experiments.ts";
import type { RecurringRunMessage } from "./messages.ts";
import { pipelineSource } from "./pipeline-source.ts";
import {
  addRecurringRun,
  endRecurringRun,
  newRecurringRun,
  readSettings,
  requireOpenExperiment,
} from "./recurring-runs.ts";

/**
 * Writes of ScheduledWorkflows: the same recurring runs that KFP's API makes, by the same rules. What a pipeline is cannot be written
 * here, since upstream has a compiled Argo workflow in that place: an object names its pipeline.
 */
export async function writeScheduledWorkflow(context: ApiContext, change: ProjectionChange): Promise<void> {
  const { key, old, object, propagationPolicy, dryRun } = change;
  const { db } = tablesOf(context, key.namespace);
  const row = old && (await findRecurringRunNamed(db, key.namespace, key.name));
  if (old && row?.id !== old.metadata.uid) throw notFound(definition, key.name);
  if (object === undefined) {
    if (row && !dryRun) await endRecurringRun(context, row, { orphan: propagationPolicy === "Orphan" });
    return;
  }
  const wanted = object as ScheduledWorkflow;
  refuseUnkept(definition, object, old);
  refuseUnknown(wanted, row);
  try {
    if (row && old) await update(context, change, { row, wanted, old });
    else await create(context, change, wanted);
  } catch (error) {
    throw asInvalid(error, key.name);
  }
}

async function create(context: ApiContext, { key, user, dryRun }: ProjectionChange, wanted: ScheduledWorkflow) {
  const { spec, metadata } = wanted;
  const experiment = await experimentForRun(context, spec.experimentId ?? "");
  if (experiment.ns !== key.namespace) throw badRequest(`experiment_id: Not found: "${spec.experimentId}"`);
  const { row, content } = await newRecurringRun(context, user, experiment, {
    ...messageOf(spec),
    display_name: key.name,
  });
  const { uid: id = row.id, creationTimestamp } = metadata;
  const created_at = creationTimestamp === undefined ? row.created_at : Date.parse(creationTimestamp);
  if (await findRecurringRunNamed(tablesOf(context, key.namespace).db, key.namespace, key.name))
    throw alreadyExists(definition, key.name);
  if (dryRun) return;
  await addRecurringRun(context, {
    experiment,
    row: { ...row, id, name: key.name, created_at, ...keptMetadata(metadata, ownLabels) },
    content,
  });
}

async function update(
  context: ApiContext,
  { key, user, dryRun }: ProjectionChange,
  { row, wanted, old }: { row: RecurringRunRow; wanted: ScheduledWorkflow; old: KubeObject },
): Promise<void> {
  const pipeline = await pipelineOf(context, user, row);
  const settings = readSettings(context, row.ns, messageOf(wanted.spec), pipeline);
  if (settings.enabled && !row.enabled) await requireOpenExperiment(context, row);
  if (dryRun) return;
  const { namespace: ns } = key;
  await tablesOf(context, ns).transaction(async ({ db, changed }) => {
    await requireUnchanged(db, { definition, changes: recurringRunChanges }, old);
    const updated_at = context.clock.now();
    await updateRecurringRun(db, row, {
      ...settings,
      ...keptMetadata(wanted.metadata, ownLabels),
      updated_at,
      error: null,
    });
    changed({ ns, kind: recurringRunChanges, key: key.name, op: "PUT" });
  });
}

const ownLabels = Object.values(scheduleLabels);

/** What the parameters are checked against. */
async function pipelineOf(context: ApiContext, user: User, row: RecurringRunRow): Promise<Pipeline> {
  if (row.spec === null) {
    const reference = { pipeline_id: row.pipeline ?? "" };
    return (await pipelineSource(context, user, { pipeline_version_reference: reference })).pipeline;
  }
  const content = await readDocument(tablesOf(context, row.ns).db, row.ns, row.spec);
  return readPipelineDocument(parseObject(content ?? null));
}

/** Nothing that is asked for is left out in silence. */
function refuseUnknown({ spec, metadata }: ScheduledWorkflow, row: RecurringRunRow | undefined): void {
  const causes: StatusCause[] = [];
  const refuse = (field: string, detail: string): void => void causes.push(cause.forbidden(`spec.${field}`, detail));
  const { workflow, pluginsInput, maxHistory, pipelineName } = spec;
  if (workflow?.spec !== undefined)
    refuse(
      "workflow.spec",
      "Argo workflows are not run; name a pipeline by pipelineId, or make the recurring run with kfp",
    );
  if (pluginsInput !== undefined) refuse("pluginsInput", "set plugins_input of the recurring run with kfp");
  if (maxHistory !== undefined) refuse("maxHistory", "the ten newest runs that ended are shown");
  if (pipelineName !== undefined) refuse("pipelineName", "name the pipeline by pipelineId");
  if (!row && !spec.pipelineId) causes.push(cause.required("spec.pipelineId", "make one of a compiled file with kfp"));
  const fixed: readonly (readonly [field: string, value: string | undefined, kept: string | null])[] = row
    ? [
        ["experimentId", spec.experimentId ?? row.experiment, row.experiment],
        ["pipelineId", spec.pipelineId, row.pipeline],
        ["pipelineVersionId", spec.pipelineVersionId, row.pipeline_version],
      ]
    : [];
  for (const [field, value, kept] of fixed) {
    if ((value ?? "") !== (kept ?? "")) refuse(field, "cannot be changed; make another ScheduledWorkflow");
  }
  if (causes.length > 0) throw invalid(definition, metadata.name ?? "", causes);
}

/** The same as KFP's API would be sent. */
function messageOf(spec: ScheduledWorkflow["spec"]): RecurringRunMessage {
  const { cronSchedule, periodicSchedule } = spec.trigger ?? {};
  const parameters = (spec.workflow?.parameters ?? []).map(
    ({ name, value = "null" }) => [name, readValue(name, value)] as const,
  );
  return {
    mode: spec.enabled ? "ENABLE" : "DISABLE",
    // As upstream, where this is what its absence means.
    max_concurrency: spec.maxConcurrency ?? 1,
    no_catchup: spec.noCatchup ?? false,
    trigger: {
      ...(cronSchedule && { cron_schedule: { ...limitsOf(cronSchedule), cron: cronSchedule.cron ?? "" } }),
      ...(periodicSchedule && {
        periodic_schedule: { ...limitsOf(periodicSchedule), interval_second: periodicSchedule.intervalSecond ?? 0 },
      }),
    },
    pipeline_version_reference: {
      pipeline_id: spec.pipelineId ?? "",
      pipeline_version_id: spec.pipelineVersionId ?? "",
    },
    runtime_config: {
      parameters: Object.fromEntries(parameters),
      pipeline_root: spec.workflow?.pipelineRoot ?? "",
    },
    ...(spec.serviceAccount && { service_account: spec.serviceAccount }),
  };
}

function limitsOf({ startTime, endTime }: { readonly startTime?: string; readonly endTime?: string }) {
  return {
    ...(startTime !== undefined && { start_time: Date.parse(startTime) }),
    ...(endTime !== undefined && { end_time: Date.parse(endTime) }),
  };
}

function readValue(name: string, value: string): JsonValue {
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw badRequest(
      `runtime_config.parameters.${name}: Invalid value: ${value}: must be JSON, such as '"text"' or '1'`,
      {
        cause,
      },
    );
  }
}

const specPaths: readonly (readonly [message: string, spec: string])[] = [
  ["runtime_config.parameters", "workflow.parameters"],
  ["runtime_config.pipeline_root", "workflow.pipelineRoot"],
  ["pipeline_version_reference.pipeline_id", "pipelineId"],
];

/** A field of KFP's message by its place in the object. */
function asInvalid(error: unknown, name: string): unknown {
  if (!isApiError(error, "BadRequest")) return error;
  const [, path, detail] = /^([a-z_]+(?:\.[\w-]+)*): (.*)$/s.exec(error.message) ?? [];
  if (path === undefined || detail === undefined) return error;
  const known = specPaths.find(([message]) => path.startsWith(message));
  const field = known
    ? known[1] + path.slice(known[0].length)
    : path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return invalid(definition, name, [{ reason: "FieldValueInvalid", field: `spec.${field}`, message: detail }]);
}
