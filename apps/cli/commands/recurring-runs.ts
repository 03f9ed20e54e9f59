import { age, parseDuration, systemClock } from "@headrace/model";
import { documentValue, parsePipelineDocuments } from "@headrace/pipelines";
import { connect, type Connection } from "../connection.ts";
import type { Surroundings } from "../environment.ts";
import { type Collection, findItem, listItems } from "../kfp.ts";
import { parseParameters } from "../parameters.ts";
import { printItems } from "../table.ts";
import { CommandError, type Terminal } from "../terminal.ts";
import { experiments } from "./experiments.ts";
import { type ListFlags, pipelines } from "./pipelines.ts";
import { findExperiment, readPipeline } from "./run.ts";

interface RecurringRun {
  readonly recurring_run_id: string;
  readonly display_name: string;
  readonly status: string;
  readonly trigger: {
    readonly cron_schedule?: { readonly cron: string };
    readonly periodic_schedule?: { readonly interval_second: string };
  };
  readonly max_concurrency: string;
  readonly no_catchup?: boolean;
  readonly created_at: string;
  readonly namespace?: string;
  readonly error?: { readonly message: string };
}

export const recurringRuns: Collection<RecurringRun> = {
  kind: "recurring-run",
  path: "/apis/v2beta1/recurringruns",
  itemsOf: (answer) => answer["recurringRuns"] as readonly RecurringRun[] | undefined,
  idOf: (recurring) => recurring.recurring_run_id,
  nameOf: (recurring) => recurring.display_name,
  columns: [
    { title: "ID", value: (recurring) => recurring.recurring_run_id },
    { title: "NAME", value: (recurring) => recurring.display_name },
    { title: "STATUS", value: (recurring) => recurring.status },
    { title: "SCHEDULE", value: ({ trigger }) => scheduleOf(trigger) },
    { title: "AGE", value: (recurring) => age(recurring.created_at, systemClock.now()) },
    { title: "AT A TIME", wide: true, value: (recurring) => recurring.max_concurrency },
    { title: "CATCHES UP", wide: true, value: ({ no_catchup: isOff = false }) => (isOff ? "no" : "yes") },
    { title: "NAMESPACE", wide: true, value: (recurring) => recurring.namespace },
    { title: "ERROR", value: (recurring) => recurring.error?.message },
  ],
};

function scheduleOf({ cron_schedule, periodic_schedule }: RecurringRun["trigger"]): string | undefined {
  return cron_schedule?.cron ?? (periodic_schedule && `every ${periodic_schedule.interval_second}s`);
}

export async function listRecurringRuns(
  flags: ListFlags & { readonly experiment?: string },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const connection = connect(home);
  const { experiment, namespace, limit } = flags;
  const query = {
    sort_by: "created_at desc",
    namespace,
    ...(experiment !== undefined && {
      experiment_id: experiments.idOf(await findItem(connection, experiments, experiment)),
    }),
  };
  printItems(await listItems(connection, recurringRuns, query, limit), recurringRuns, terminal);
  return 0;
}

export interface CreateFlags {
  readonly file?: string;
  readonly pipeline?: string;
  readonly cron?: string;
  readonly every?: string;
  readonly start?: string;
  readonly end?: string;
  readonly parameter: readonly string[];
  readonly experiment?: string;
  readonly maxConcurrency: string;
  readonly catchup: boolean;
  readonly disabled: boolean;
}

/** Makes one of a file, to which it stays bound, or of a pipeline that is kept, whose latest version each run takes; prints its id. */
export async function createRecurringRun(
  name: string,
  flags: CreateFlags,
  surroundings: Surroundings,
  terminal: Terminal,
): Promise<number> {
  const trigger = triggerOf(flags);
  const connection = connect(surroundings.home);
  const source = await sourceOf(connection, flags, surroundings, terminal);
  const { inputs } = parsePipelineDocuments(source.text).root;
  const types = new Map([...inputs.parameters].map(([input, { type }]) => [input, type]));
  const made = (await connection.call("POST", recurringRuns.path, {
    display_name: name,
    ...source.fields,
    runtime_config: { parameters: parseParameters(flags.parameter, types) },
    trigger,
    max_concurrency: flags.maxConcurrency,
    no_catchup: !flags.catchup,
    mode: flags.disabled ? "DISABLE" : "ENABLE",
    ...(flags.experiment !== undefined && { experiment_id: await findExperiment(connection, flags.experiment) }),
  })) as RecurringRun;
  if (terminal.json) terminal.value(made);
  else terminal.print(terminal.format === "name" ? `recurring-run/${made.recurring_run_id}` : made.recurring_run_id);
  return 0;
}

function triggerOf({ cron, every, start, end }: CreateFlags): object {
  if ((cron === undefined) === (every === undefined))
    throw new CommandError("Cannot make a recurring run without knowing when it is to happen", {
      remedy: 'Give one of --cron "0 30 9 * * *" (seconds first) and --every 1h30m',
    });
  const limits = { ...(start !== undefined && { start_time: start }), ...(end !== undefined && { end_time: end }) };
  if (cron !== undefined) return { cron_schedule: { ...limits, cron } };
  const ms = parseDuration(every ?? "");
  if (ms === undefined || ms < 1000)
    throw new CommandError(`Cannot repeat a run every "${every}"`, {
      remedy: "Give a duration of a second or more, such as 90s or 1h30m",
    });
  return { periodic_schedule: { ...limits, interval_second: Math.round(ms / 1000) } };
}

interface Source {
  /** The compiled pipeline. */
  readonly text: string;
  readonly fields: object;
}

async function sourceOf(
  connection: Connection,
  { file, pipeline }: CreateFlags,
  surroundings: Surroundings,
  terminal: Terminal,
): Promise<Source> {
  if ((file === undefined) === (pipeline === undefined))
    throw new CommandError("Cannot make a recurring run without knowing what to run", {
      remedy: "Give one of --file train.yaml and --pipeline train",
    });
  if (file !== undefined) {
    const text = await readPipeline(file, undefined, surroundings, terminal);
    return { text, fields: { pipeline_spec: documentValue(parsePipelineDocuments(text).document) } };
  }
  const pipeline_id = pipelines.idOf(await findItem(connection, pipelines, pipeline ?? ""));
  const query = "sort_by=created_at%20desc&page_size=1";
  const { pipeline_versions: [latest] = [] } = (await connection.call(
    "GET",
    `${pipelines.path}/${pipeline_id}/versions?${query}`,
  )) as { readonly pipeline_versions?: readonly { readonly pipeline_spec: unknown }[] };
  if (latest === undefined)
    throw new CommandError(`Pipeline "${pipeline}" has no version`, { remedy: "headrace pipelines upload FILE" });
  return {
    text: JSON.stringify(latest.pipeline_spec),
    fields: { pipeline_version_reference: { pipeline_id } },
  };
}
