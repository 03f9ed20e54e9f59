import { setImmediate } from "node:timers/promises";
import { taskArtifactsOf } from "../records/artifacts.ts";
import { attemptsOf, findContext, outlineOf, type RunRow, tasksNumbered } from "../records/runs.ts";
import { type ApiContext, tablesOf } from "./context.ts";
import { type RunMessage, runMessage, taskDetailMessage, taskMessage } from "./messages.ts";
import { surroundingsOf, taskDetails, taskMessages } from "./task-view.ts";

/** Tasks that are read and written in one go: whoever opens a run of thousands must not keep everybody else waiting. */
const tasksAtOnce = 200;

/** A run's JSON with all of its tasks: in KFP's view of today, and if `full` in the coming one too. */
export async function runWithTasks(
  context: ApiContext,
  row: RunRow,
  run: RunMessage,
  { full }: { readonly full: boolean },
): Promise<string> {
  const { db } = tablesOf(context, row.ns);
  const outline = await outlineOf(db, row.ns, row.run);
  const around = surroundingsOf(outline);
  await setImmediate();
  // All at once: with the numbers of some tasks, the database would still go through all of the run's.
  const attempts = Map.groupBy(await attemptsOf(db, row.ns, row.run), ({ task }) => task);
  const details: string[] = [];
  const messages: string[] = [];
  for (let from = 0; from < outline.length; from += tasksAtOnce) {
    await setImmediate();
    const ids = outline.slice(from, from + tasksAtOnce).map(({ id }) => id);
    const rows = {
      tasks: await tasksNumbered(db, row.ns, ids),
      attempts: ids.flatMap((id) => attempts.get(id) ?? []),
      artifacts: await taskArtifactsOf(db, row.ns, row.run, ids),
      around,
    };
    for (const detail of taskDetails(rows)) details.push(JSON.stringify(taskDetailMessage.write(detail)));
    if (full) for (const task of taskMessages(rows)) messages.push(JSON.stringify(taskMessage.write(task)));
  }
  const { run_details = {}, ...shown } = runMessage.write({
    ...run,
    run_details: {
      pipeline_context_id: await findContext(db, row.ns, "system.Pipeline", row.pipeline_name),
      pipeline_run_context_id: await findContext(db, row.ns, "system.PipelineRun", row.run),
    },
  });
  const tasks = { task_details: listText(details), tasks: listText(messages) };
  const run_detailsText = withField(JSON.stringify(run_details), "task_details", tasks.task_details);
  const text = withField(JSON.stringify(shown), "run_details", run_detailsText);
  return withField(text, "tasks", tasks.tasks);
}

/** As in every message, an empty list is left out. */
export const listText = (items: readonly string[]): string => (items.length > 0 ? `[${items.join(",")}]` : "");

/** An object's JSON with one more field at its end; as it is if the value is empty. */
export function withField(object: string, name: string, value: string): string {
  if (value === "") return object;
  return `${object.slice(0, -1)}${object === "{}" ? "" : ","}"${name}":${value}}`;
}
