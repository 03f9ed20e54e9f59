import type { Requester } from "@headrace/ui-kit";
import { recordOf, textOf } from "./listing.ts";
import type { ParameterTexts } from "./parameter-values.ts";
import { getSchedule, type Schedule } from "./schedules-api.ts";
import { freshTrigger, localOf, splitInterval, type TriggerDraft } from "./trigger-draft.ts";

/** What stands in the form for a new run. Texts are as they were typed; empty ids stand for what is offered first. */
export interface RunDraft {
  /** Empty for the pipeline of what is cloned. */
  readonly pipeline: string;
  /** Empty for the latest. */
  readonly version: string;
  /** Undefined until somebody types one. */
  readonly name: string | undefined;
  readonly description: string;
  readonly experiment: string;
  readonly serviceAccount: string;
  readonly pipelineRoot: string;
  readonly caching: boolean;
  /** A duration such as `24h`; empty for any age. */
  readonly cacheMaxAge: string;
  /** A failed step keeps only those from running that wait for it. */
  readonly keepGoing: boolean;
  readonly texts: ParameterTexts;
  readonly recurring: boolean;
  readonly trigger: TriggerDraft;
  /** Milliseconds since the epoch; the name that is offered holds it. */
  readonly openedAt: number;
}

export function freshDraft(openedAt: number): RunDraft {
  return {
    pipeline: "",
    version: "",
    name: undefined,
    description: "",
    experiment: "",
    serviceAccount: "",
    pipelineRoot: "",
    caching: true,
    cacheMaxAge: "",
    keepGoing: false,
    texts: {},
    recurring: false,
    trigger: freshTrigger,
    openedAt,
  };
}

export interface Clone {
  readonly name: string;
  readonly draft: Partial<RunDraft>;
  /** What it was given; a form's texts are made of it once its pipeline is known. */
  readonly given: Readonly<Record<string, unknown>>;
  /** The pipeline, where it came with the run or its version is gone. */
  readonly spec: unknown;
}

/** What a form begins with when something is cloned. */
export async function readClone(
  request: Requester,
  from: { readonly run: string; readonly schedule: string },
  signal: AbortSignal,
): Promise<Clone | undefined> {
  if (from.run !== "") return cloneOfRun(request, from.run, signal);
  if (from.schedule !== "") return cloneOfSchedule(await getSchedule(request, from.schedule, signal));
  return undefined;
}

async function cloneOfRun(request: Requester, id: string, signal: AbortSignal): Promise<Clone> {
  const run = await request.json(`/apis/v2beta1/runs/${encodeURIComponent(id)}`, { signal });
  const reference = recordOf(run, "pipeline_version_reference");
  const config = recordOf(run, "runtime_config");
  const pipeline = textOf(reference, "pipeline_id");
  return {
    name: textOf(run, "display_name"),
    given: recordOf(config, "parameters"),
    // A run comes with its pipeline where there is no version to refer to.
    spec: pipeline === "" ? recordOf(run, "pipeline_spec") : undefined,
    draft: {
      pipeline,
      version: textOf(reference, "pipeline_version_id"),
      description: textOf(run, "description"),
      experiment: textOf(run, "experiment_id"),
      serviceAccount: textOf(run, "service_account"),
      pipelineRoot: textOf(config, "pipeline_root"),
      ...readOptions(recordOf(run, "plugins_input")),
    },
  };
}

/** What of a run KFP has no words for: it stands in the plugin `headrace`. */
function readOptions(plugins: unknown): Pick<RunDraft, "cacheMaxAge" | "keepGoing"> {
  const own = recordOf(plugins, "headrace");
  return { cacheMaxAge: textOf(own, "cacheMaxAge"), keepGoing: own["keepGoing"] === true };
}

function cloneOfSchedule(schedule: Schedule): Clone {
  return {
    name: schedule.displayName,
    given: schedule.parameters,
    spec: schedule.spec,
    draft: {
      pipeline: schedule.pipeline,
      version: schedule.version,
      description: schedule.description,
      experiment: schedule.experiment,
      serviceAccount: schedule.serviceAccount,
      pipelineRoot: schedule.pipelineRoot,
      recurring: true,
      trigger: triggerDraftOf(schedule),
      ...readOptions(schedule.plugins),
    },
  };
}

function triggerDraftOf({ trigger, startAt, endAt, catchUp, maxConcurrency }: Schedule): TriggerDraft {
  const limits = { start: localOf(startAt), end: localOf(endAt), catchUp, maxConcurrency: String(maxConcurrency) };
  if (trigger === undefined) return { ...freshTrigger, ...limits };
  if ("cron" in trigger) return { ...freshTrigger, ...limits, kind: "cron", cron: trigger.cron };
  const { count, unit } = splitInterval(trigger.intervalMs);
  return { ...freshTrigger, ...limits, kind: "interval", every: String(count), unit };
}
