import { PersistentVolumeClaim, Pod } from "@headrace/k8s";
import type { KubeObject, Reason } from "@headrace/model";
import { tasks } from "@headrace/pipelines/resources";
import { connect, type Connection } from "../connection.ts";
import { findRun } from "./logs.ts";
import { CommandError, type Terminal } from "../terminal.ts";

/** Of tasks that are named where none, or none alone, was meant. */
const maxNamed = 20;

export interface ExplainFlags {
  readonly namespace?: string;
}

/** Says why something waits or failed. `ref` is `run/ID`, `task/RUN/KEY`, `task/NAME`, `pod/NAME` or `pvc/NAME`. Resolves to the exit status. */
export async function explain(ref: string, flags: ExplainFlags, home: string, terminal: Terminal): Promise<number> {
  const [kind = "", ...rest] = ref.split("/");
  const find = finders[kind];
  if (find === undefined || rest.length === 0 || (rest.length > 1 && kind !== "task"))
    throw new CommandError(`Cannot explain "${ref}"`, {
      remedy: "Write run/ID, task/ID/KEY such as task/3f6c9a52/root/train, pod/NAME or pvc/NAME",
    });
  const connection = connect(home);
  const { namespace = "", name = "" } = (await find(connection, rest.join("/"), flags.namespace ?? "")).metadata;
  const { reasons } = (await connection.call(
    "GET",
    `/apis/headrace.io/v1/namespaces/${encodeURIComponent(namespace)}/explain/${kind}/${encodeURIComponent(name)}`,
  )) as { reasons: readonly Reason[] };
  if (terminal.json) terminal.value(reasons);
  else if (reasons.length === 0) terminal.print(`Nothing keeps ${ref}`);
  else {
    for (const { summary, remedy } of reasons) {
      terminal.print(summary);
      if (remedy !== undefined) terminal.print(`  How to fix it: ${remedy}`);
    }
  }
  return 0;
}

type Find = (connection: Connection, name: string, namespace: string) => Promise<KubeObject>;

const finders: Readonly<Record<string, Find>> = {
  run: (connection, reference) => findRun(connection, reference),
  task: async (connection, name, namespace) => {
    const [run, ...key] = name.split("/");
    if (run !== undefined && key.length > 0) return findTask(connection, run, key.join("/"));
    const { items } = await connection.client
      .resource(tasks)
      .list({ namespace, fieldSelector: `metadata.name=${name}` });
    return theOne("task", name, items);
  },
  pod: async ({ client }, name, namespace) => {
    const { items } = await client.resource(Pod).list({ namespace, fieldSelector: `metadata.name=${name}` });
    return theOne("pod", name, items);
  },
  pvc: async ({ client }, name, namespace) => {
    const fieldSelector = `metadata.name=${name}`;
    const { items } = await client.resource(PersistentVolumeClaim).list({ namespace, fieldSelector });
    return theOne("pvc", name, items);
  },
};

/** By its key, or the end of one that no other task of the run has. */
async function findTask(connection: Connection, reference: string, wanted: string): Promise<KubeObject> {
  const { namespace = "", name: run } = (await findRun(connection, reference)).metadata;
  const { items } = await connection.client
    .resource(tasks)
    .list({ namespace, labelSelector: `headrace.io/run=${run}` });
  const exact = items.filter(({ spec }) => spec.key === wanted);
  const found = exact.length > 0 ? exact : items.filter(({ spec }) => spec.key.endsWith(`/${wanted}`));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const keys = (found.length > 0 ? found : items).map(({ spec }) => spec.key);
  throw new CommandError(`Run ${run} has ${found.length === 0 ? "no task" : "several tasks"} ${wanted}`, {
    remedy: `Write one of: ${keys.slice(0, maxNamed).join(", ")}${keys.length > maxNamed ? ", …" : ""}`,
  });
}

function theOne(kind: string, name: string, found: readonly KubeObject[]): KubeObject {
  const [first] = found;
  if (first === undefined)
    throw new CommandError(`There is no ${kind} "${name}"`, { remedy: `List them: kubectl get ${kind}s -A` });
  if (found.length === 1) return first;
  throw new CommandError(`There are ${found.length} ${kind}s called ${name}`, {
    remedy: `Say which with -n: ${found.map(({ metadata }) => metadata.namespace).join(", ")}`,
  });
}
