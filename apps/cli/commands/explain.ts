import { PersistentVolumeClaim, Pod } from "@headrace/k8s";
import type { KubeObject, Reason } from "@headrace/model";
import { tasks } from "@headrace/pipelines/resources";
import { connect, type Connection } from "../connection.ts";
import { findRun } from "./logs.ts";
import { CommandError, type Terminal } from "../terminal.ts";

export interface ExplainFlags {
  readonly namespace?: string;
}

/** Says why something waits or failed. `ref` is `run/ID`, `task/NAME`, `pod/NAME` or `pvc/NAME`. Resolves to the exit status. */
export async function explain(ref: string, flags: ExplainFlags, home: string, terminal: Terminal): Promise<number> {
  const [kind = "", ...rest] = ref.split("/");
  const find = finders[kind];
  if (find === undefined || rest.length !== 1)
    throw new CommandError(`Cannot explain "${ref}"`, { remedy: "Write run/ID, task/NAME, pod/NAME or pvc/NAME" });
  const connection = connect(home);
  const { namespace = "", name = "" } = (await find(connection, rest[0] ?? "", flags.namespace ?? "")).metadata;
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
  task: async ({ client }, name, namespace) => {
    const { items } = await client.resource(tasks).list({ namespace });
    return theOne(
      "task",
      name,
      items.filter(({ metadata }) => metadata.name === name),
    );
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

function theOne(kind: string, name: string, found: readonly KubeObject[]): KubeObject {
  const [first] = found;
  if (first === undefined)
    throw new CommandError(`There is no ${kind} "${name}"`, { remedy: `List them: kubectl get ${kind}s -A` });
  if (found.length === 1) return first;
  throw new CommandError(`There are ${found.length} ${kind}s called ${name}`, {
    remedy: `Say which with -n: ${found.map(({ metadata }) => metadata.namespace).join(", ")}`,
  });
}
