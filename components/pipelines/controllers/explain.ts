import type { ObjectRef, Reason } from "@headrace/model";
import type { View } from "./projection.ts";
import { type Run, runLabel, runs, type Task, tasks } from "../resources/index.ts";

/** Reasons of one answer. */
const maxReasons = 20;

export interface Shown {
  readonly runs: View<Run>;
  readonly tasks: View<Task>;
  /** Whether the step with this number was reused, and why not. */
  readonly cache: (namespace: string, id: number) => Promise<readonly Reason[]>;
}

/** Why a run or a task waits, did not run, or failed; and of steps that ran or were reused, why. Nothing for what is unknown. */
export function createExplain(shown: Shown): (ref: ObjectRef) => Promise<readonly Reason[]> {
  const ofTask = async (task: Task): Promise<readonly Reason[]> => [
    ...reasonsOf(task),
    ...(await shown.cache(task.metadata.namespace ?? "", task.spec.id)),
  ];
  return async ({ kind, namespace, name }) => {
    const asked = kind.toLowerCase();
    if (asked === tasks.singular) {
      const task = await shown.tasks.get({ namespace, name });
      return task ? ofTask(task) : [];
    }
    const run = asked === runs.singular ? await shown.runs.get({ namespace, name }) : undefined;
    if (!run) return [];
    const { state, error, waiting } = run.status;
    if (error !== undefined) return [{ summary: error, ...remedyOf(state) }];
    const list = (fields: Readonly<Record<string, string>>) =>
      shown.tasks.list({ namespace, labels: { [runLabel]: name }, fields, limit: maxReasons });
    if (state !== "SUCCEEDED") {
      const { items } = await list({ "status.state": "PENDING" });
      return [...(waiting ? [waiting] : []), ...items.flatMap(reasonsOf)].slice(0, maxReasons);
    }
    const { items } = await list({ "spec.type": "RUNTIME" });
    return (await Promise.all(items.map(ofTask))).flat().slice(0, maxReasons);
  };
}

function reasonsOf({ spec, status }: Task): readonly Reason[] {
  const { waiting, error } = status;
  if (waiting) return [{ ...waiting, summary: `${spec.key}: ${waiting.summary}` }];
  if (!error) return [];
  const summary = error.tail === undefined ? error.message : `${error.message}\n${error.tail.trimEnd()}`;
  return [{ summary: `${spec.key}: ${summary}`, ...remedyOf(status.state) }];
}

function remedyOf(state: string): { remedy?: string } {
  if (state !== "FAILED") return {};
  return { remedy: "Once the cause is gone, retry the run: what succeeded is not run again" };
}
