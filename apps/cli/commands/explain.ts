import type { Reason } from "@headrace/model";
import { connect } from "../connection.ts";
import { findRun } from "./logs.ts";
import { CommandError, type Terminal } from "../terminal.ts";

const kinds = new Set(["run", "task", "pod"]);

/** Says why something waits or failed. `ref` is `run/ID`, `task/NAME` or `pod/NAME`. Resolves to the exit status. */
export async function explain(ref: string, home: string, terminal: Terminal): Promise<number> {
  const at = ref.indexOf("/");
  const kind = ref.slice(0, at);
  if (!kinds.has(kind))
    throw new CommandError(`Cannot explain "${ref}"`, { remedy: "Write run/ID, task/NAME or pod/NAME" });
  const connection = connect(home);
  const name =
    kind === "run" ? ((await findRun(connection.client, ref.slice(at + 1))).metadata.name ?? "") : ref.slice(at + 1);
  const { reasons } = (await connection.call(
    "GET",
    `/apis/headrace.io/v1/namespaces/kubeflow/explain/${kind}/${encodeURIComponent(name)}`,
  )) as { reasons: readonly Reason[] };
  if (terminal.json) terminal.print(JSON.stringify(reasons));
  else if (reasons.length === 0) terminal.print(`Nothing keeps ${ref}`);
  else {
    for (const { summary, remedy } of reasons) {
      terminal.print(summary);
      if (remedy !== undefined) terminal.print(`  How to fix it: ${remedy}`);
    }
  }
  return 0;
}
