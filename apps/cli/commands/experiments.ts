import { age, systemClock } from "@headrace/model";
import { connect } from "../connection.ts";
import { type Collection, filterOf, listItems } from "../kfp.ts";
import { printItems } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import type { ListFlags } from "./pipelines.ts";

interface Experiment {
  readonly experiment_id: string;
  readonly display_name: string;
  readonly description?: string;
  readonly created_at: string;
  readonly last_run_created_at: string;
  readonly storage_state: string;
  readonly namespace?: string;
}

export const experiments: Collection<Experiment> = {
  kind: "experiment",
  path: "/apis/v2beta1/experiments",
  itemsOf: (answer) => answer["experiments"] as readonly Experiment[] | undefined,
  idOf: (experiment) => experiment.experiment_id,
  nameOf: (experiment) => experiment.display_name,
  columns: [
    { title: "ID", value: (experiment) => experiment.experiment_id },
    { title: "NAME", value: (experiment) => experiment.display_name },
    { title: "AGE", value: (experiment) => age(experiment.created_at, systemClock.now()) },
    { title: "LAST RUN", value: (experiment) => lastRun(experiment) },
    { title: "DESCRIPTION", wide: true, value: (experiment) => experiment.description },
    { title: "NAMESPACE", wide: true, value: (experiment) => experiment.namespace },
  ],
};

/** The epoch stands for none. */
function lastRun({ last_run_created_at }: Experiment): string | undefined {
  return Date.parse(last_run_created_at) > 0 ? `${age(last_run_created_at, systemClock.now())} ago` : undefined;
}

/** KFP's filter for what is archived, or for what is not. */
export const storedAs = (archived: boolean) => ({
  key: "storage_state",
  operation: "EQUALS",
  string_value: archived ? "ARCHIVED" : "AVAILABLE",
});

export async function listExperiments(
  flags: ListFlags & { readonly archived: boolean },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const query = {
    sort_by: "created_at desc",
    namespace: flags.namespace,
    filter: filterOf([storedAs(flags.archived)]),
  };
  printItems(await listItems(connect(home), experiments, query, flags.limit), experiments, terminal);
  return 0;
}

export async function createExperiment(
  name: string,
  flags: { readonly description?: string; readonly namespace?: string },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const { description, namespace } = flags;
  const made = (await connect(home).call("POST", experiments.path, {
    display_name: name,
    ...(description !== undefined && { description }),
    ...(namespace !== undefined && { namespace }),
  })) as Experiment;
  if (terminal.json) terminal.value(made);
  else terminal.print(made.experiment_id);
  return 0;
}
