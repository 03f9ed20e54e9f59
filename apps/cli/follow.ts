import type { Client } from "@headrace/client";
import { runs, tasks, type Run, type Task } from "@headrace/pipelines/resources";
import { systemClock } from "@headrace/model";
import type { Connection } from "./connection.ts";
import { renderTree } from "./run-tree.ts";
import { formatDuration, type Terminal } from "./terminal.ts";

const finished = new Set<Run["status"]["state"]>(["SUCCEEDED", "FAILED", "CANCELED"]);

/** How often the tree is drawn while clocks tick on it; changes draw at once. */
const tick = 250;

/** Follows a run until it ends: a live tree on a terminal, a line for each change elsewhere. Resolves to the exit status. */
export async function followRun(connection: Connection, id: string, terminal: Terminal): Promise<number> {
  const begun = systemClock.now();
  const said = new Map<string, Task["status"]["state"]>();
  const run = await watchToEnd(connection.client, id, terminal, (task) => sayChange(task, said, terminal));
  const found = await connection.client
    .resource(tasks)
    .list({ namespace: run.metadata.namespace ?? "", labelSelector: `headrace.io/run=${id}` });
  // The run's end may be seen before that of its last tasks.
  if (!terminal.interactive) for (const task of found.items) sayChange(task, said, terminal);
  report(connection, run, found.items, systemClock.now() - begun, terminal);
  return run.status.state === "SUCCEEDED" ? 0 : 1;
}

async function watchToEnd(client: Client, id: string, terminal: Terminal, say: (task: Task) => void): Promise<Run> {
  const stop = new AbortController();
  const known = new Map<string, Task>();
  const draw = (): void => terminal.redraw(renderTree([...known.values()], systemClock.now(), terminal.paint));
  const ticking = startTicking(draw, terminal.interactive, stop.signal);
  const following = followTasks(client, id, stop.signal, (task) => {
    known.set(task.metadata.name ?? "", task);
    if (terminal.interactive) draw();
    else say(task);
  });
  try {
    for await (const { object, type } of client
      .resource(runs)
      .watch({ fieldSelector: `metadata.name=${id}`, signal: stop.signal })) {
      if (type !== "BOOKMARK" && finished.has(object.status.state)) {
        stop.abort();
        await following;
        return object;
      }
    }
    return await client.resource(runs).get({ namespace: "kubeflow", name: id });
  } finally {
    stop.abort();
    ticking[Symbol.dispose]();
  }
}

async function followTasks(
  client: Client,
  run: string,
  signal: AbortSignal,
  changed: (task: Task) => void,
): Promise<void> {
  for await (const { object, type } of client
    .resource(tasks)
    .watch({ labelSelector: `headrace.io/run=${run}`, signal })) {
    if (type !== "BOOKMARK") changed(object);
  }
}

function startTicking(draw: () => void, wanted: boolean, signal: AbortSignal): Disposable {
  let timer: Disposable | undefined;
  const next = (): void => {
    if (signal.aborted || !wanted) return;
    timer = systemClock.after(tick, () => {
      draw();
      next();
    });
  };
  next();
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
}

/** One line for each state that a task comes to. `said` is what was said of each last. */
function sayChange(task: Task, said: Map<string, Task["status"]["state"]>, terminal: Terminal): void {
  if (terminal.json || task.spec.type === "ROOT" || task.status.state === "PENDING") return;
  if (said.get(task.spec.key) === task.status.state) return;
  said.set(task.spec.key, task.status.state);
  terminal.print(`${task.status.state.toLowerCase().padEnd(10)} ${task.spec.key}`);
}

function report(connection: Connection, run: Run, all: readonly Task[], tookMs: number, terminal: Terminal): void {
  const root = all.find((task) => task.spec.type === "ROOT");
  const outputs = root?.status.outputs.parameters ?? {};
  const url = `${connection.running.gateway}/#/runs/details/${run.metadata.name}`;
  if (terminal.json) {
    terminal.print(
      JSON.stringify({
        run: run.metadata.name,
        state: run.status.state,
        outputs,
        ...(run.status.error !== undefined && { error: run.status.error }),
        url,
      }),
    );
    return;
  }
  terminal.redraw(renderTree(all, systemClock.now(), terminal.paint));
  terminal.print("");
  for (const [name, value] of Object.entries(outputs))
    terminal.print(`  ${name.padEnd(20)} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  terminal.print(
    `${terminal.paint("bold", `${run.spec.displayName} ${run.status.state.toLowerCase()}`)} in ${formatDuration(tookMs)}   ${url}`,
  );
  if (run.status.state === "SUCCEEDED") return;
  const failed = all.find((task) => task.status.state === "FAILED" && task.spec.type === "RUNTIME");
  if (run.status.error !== undefined) terminal.print(terminal.paint("red", run.status.error));
  if (failed !== undefined)
    terminal.print(`The rest of its log: headrace logs ${run.metadata.name} ${failed.spec.key}`);
}
