import { age, systemClock } from "@headrace/model";
import { readPipelineDocument } from "@headrace/pipelines";
import { runLabel, runStates, tasks } from "@headrace/pipelines/resources";
import { connect, type Connection } from "../connection.ts";
import { followRun } from "../follow.ts";
import { type Collection, filterOf, findItem, findItems, itemPath, listItems } from "../kfp.ts";
import { type InputTypes, parseParameters } from "../parameters.ts";
import { printItems } from "../table.ts";
import { CommandError, formatDuration, type Terminal } from "../terminal.ts";
import { experiments, storedAs } from "./experiments.ts";
import type { ListFlags } from "./pipelines.ts";

interface Run {
  readonly run_id: string;
  readonly display_name: string;
  readonly state: string;
  readonly experiment_id: string;
  readonly created_at: string;
  readonly finished_at: string;
  readonly task_count?: number;
  readonly recurring_run_id?: string;
  readonly runtime_config?: {
    readonly parameters?: Readonly<Record<string, unknown>>;
    readonly pipeline_root?: string;
  };
  readonly pipeline_spec?: unknown;
  readonly pipeline_version_reference?: { readonly pipeline_id: string; readonly pipeline_version_id: string };
  readonly service_account?: string;
  readonly plugins_input?: unknown;
  readonly error?: { readonly code?: number; readonly message?: string };
}

/** Of google.rpc.Code. */
const cancelled = 1;

/** KFP's API calls a run that was terminated FAILED, since stock clients wait for ever on anything else. */
function stateOf({ state, error }: Run): string {
  return error?.code === cancelled ? "canceled" : state.toLowerCase();
}

export const runs: Collection<Run> = {
  kind: "run",
  path: "/apis/v2beta1/runs",
  itemsOf: (answer) => answer["runs"] as readonly Run[] | undefined,
  idOf: (run) => run.run_id,
  nameOf: (run) => run.display_name,
  columns: [
    { title: "ID", value: (run) => run.run_id },
    { title: "NAME", value: (run) => run.display_name },
    { title: "STATE", value: stateOf },
    { title: "DURATION", value: (run) => durationOf(run) },
    { title: "AGE", value: (run) => age(run.created_at, systemClock.now()) },
    { title: "TASKS", wide: true, value: (run) => run.task_count },
    { title: "EXPERIMENT", wide: true, value: (run) => run.experiment_id },
    { title: "ERROR", wide: true, value: (run) => run.error?.message?.split("\n")[0] },
  ],
};

/** The epoch stands for a run that has not finished. Times are whole seconds. */
function durationOf({ created_at, finished_at }: Run): string {
  const end = Date.parse(finished_at) || systemClock.now();
  const span = end - Date.parse(created_at);
  return span < 1000 ? "< 1 s" : formatDuration(span);
}

export interface RunListFlags extends ListFlags {
  readonly archived: boolean;
  readonly experiment?: string;
  readonly state?: string;
}

export async function listRuns(flags: RunListFlags, home: string, terminal: Terminal): Promise<number> {
  const connection = connect(home);
  const { experiment, archived, namespace } = flags;
  const state = flags.state === undefined ? undefined : readState(flags.state);
  const asked = state === "canceled" ? "FAILED" : state?.toUpperCase();
  const inState = asked === undefined ? [] : [{ key: "state", operation: "EQUALS", string_value: asked }];
  const query = {
    sort_by: "created_at desc",
    filter: filterOf([storedAs(archived), ...inState]),
    namespace,
    ...(experiment !== undefined && {
      experiment_id: experiments.idOf(await findItem(connection, experiments, experiment)),
    }),
  };
  const isWanted = (run: Run): boolean => state === undefined || stateOf(run) === state;
  printItems(await listItems(connection, runs, query, flags.limit, isWanted), runs, terminal);
  return 0;
}

function readState(text: string): string {
  const known = runStates.map((state) => state.toLowerCase());
  if (known.includes(text.toLowerCase())) return text.toLowerCase();
  throw new CommandError(`No run is in the state "${text}", ever`, { remedy: `Write one of: ${known.join(", ")}` });
}

export async function getRuns(references: readonly string[], home: string, terminal: Terminal): Promise<number> {
  const connection = connect(home);
  const found = await findItems(connection, runs, references);
  const whole = found.map((run) => connection.call("GET", `${itemPath(runs, run)}?view=FULL`) as Promise<Run>);
  printItems(terminal.json ? await Promise.all(whole) : found, runs, terminal);
  return 0;
}

/** Runs again what failed and the chosen tasks, and follows. Resolves to the exit status, which is the run's. */
export async function retryRun(
  reference: string,
  flags: { readonly from: readonly string[] },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const connection = connect(home);
  const run = await findItem(connection, runs, reference);
  const namespace = await namespaceOf(connection, run);
  const from = await keysOf(connection, run, flags.from);
  await connection.call("POST", `/apis/headrace.io/v1/namespaces/${namespace}/runs/${run.run_id}/retry`, { from });
  return followRun(connection, run.run_id, terminal);
}

/** Tasks by key, or by the end of one that no other has. */
async function keysOf(connection: Connection, run: Run, wanted: readonly string[]): Promise<readonly string[]> {
  if (wanted.length === 0) return [];
  const { items } = await connection.client.resource(tasks).list({ labelSelector: `${runLabel}=${run.run_id}` });
  const keys = items.filter(({ spec }) => spec.type !== "ROOT").map(({ spec }) => spec.key);
  return wanted.map((name) => {
    const matching = keys.includes(name) ? [name] : keys.filter((key) => key.endsWith(`/${name}`));
    const [key] = matching;
    if (key !== undefined && matching.length === 1) return key;
    throw new CommandError(
      matching.length === 0
        ? `Run "${run.display_name}" has no task ${name}`
        : `${matching.length} tasks of run "${run.display_name}" are called ${name}`,
      { remedy: `Write one of: ${(matching.length === 0 ? keys : matching).join(", ")}` },
    );
  });
}

async function namespaceOf(connection: Connection, run: Run): Promise<string> {
  const experiment = (await connection.call("GET", `${experiments.path}/${run.experiment_id}`)) as {
    readonly namespace?: string;
  };
  return encodeURIComponent(experiment.namespace ?? "kubeflow");
}

/** Submits the run's pipeline anew, and follows. Steps whose inputs are what they were come from the cache. */
export async function cloneRun(
  reference: string,
  flags: { readonly parameter: readonly string[]; readonly name?: string },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const connection = connect(home);
  const run = await findItem(connection, runs, reference);
  const {
    pipeline_version_reference: version,
    pipeline_spec,
    runtime_config = {},
    service_account,
    plugins_input,
  } = run;
  const spec = version
    ? ((await connection.call("GET", versionPath(version))) as { readonly pipeline_spec: unknown }).pipeline_spec
    : pipeline_spec;
  const { root } = readPipelineDocument(spec);
  const inputs: InputTypes = new Map([...root.inputs.parameters].map(([name, { type }]) => [name, type]));
  const parameters = { ...runtime_config.parameters, ...parseParameters(flags.parameter, inputs) };
  const made = (await connection.call("POST", runs.path, {
    display_name: flags.name ?? `Clone of ${run.display_name}`,
    experiment_id: run.experiment_id,
    ...(version ? { pipeline_version_reference: version } : { pipeline_spec }),
    runtime_config: { ...runtime_config, parameters },
    ...(service_account !== undefined && { service_account }),
    ...(plugins_input !== undefined && { plugins_input }),
  })) as Run;
  return followRun(connection, made.run_id, terminal);
}

const versionPath = (version: NonNullable<Run["pipeline_version_reference"]>): string =>
  `/apis/v2beta1/pipelines/${version.pipeline_id}/versions/${version.pipeline_version_id}`;
