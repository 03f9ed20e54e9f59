import type { Client } from "@headrace/client";
import { runs, tasks, type Run, type Task } from "@headrace/pipelines/resources";
import { systemClock } from "@headrace/model";
import type { Connection } from "./connection.ts";
import { renderTree } from "./run-tree.ts";
import { formatDuration, type Terminal } from "./terminal.ts";

const finished = new Set<Run["status"]["state"]>(["SUCCEEDED", "FAILED", "CANCELED"]);

/** How often the tree is drawn while clocks tick on it; changes draw at once. */
const tick = 250;

/** What a shell says of a command that Ctrl-C ended. */
const interruptedStatus = 130;

/**
 * Follows a run until it ends: a live tree on a terminal, a line for each change elsewhere. Ctrl-C ends the following and leaves
 * the run going; a second one ends the command as it stands. Resolves to the exit status.
 */
export async function followRun(connection: Connection, id: string, terminal: Terminal): Promise<number> {
  const begun = systemClock.now();
  const said = new Map<string, string>();
  using interrupt = catchInterrupt();
  const { client } = connection;
  const run = await watchToEnd(client, id, terminal, {
    say: (task) => sayChange(task, said, terminal),
    signal: interrupt.signal,
  });
  if (run === undefined) {
    leaveGoing(connection, id, terminal);
    return interruptedStatus;
  }
  const found = await connection.client
    .resource(tasks)
    .list({ namespace: run.metadata.namespace ?? "", labelSelector: `headrace.io/run=${id}` });
  // The run's end may be seen before that of its last tasks.
  if (!terminal.interactive) for (const task of found.items) sayChange(task, said, terminal);
  report(connection, run, found.items, systemClock.now() - begun, terminal);
  return run.status.state === "SUCCEEDED" ? 0 : 1;
}

/** Hears the first Ctrl-C only: the next one is the system's again. */
function catchInterrupt(): Disposable & { readonly signal: AbortSignal } {
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once("SIGINT", interrupt);
  return { signal: interrupted.signal, [Symbol.dispose]: () => void process.off("SIGINT", interrupt) };
}

function leaveGoing(connection: Connection, id: string, terminal: Terminal): void {
  const url = pageOf(connection, id);
  if (terminal.json) terminal.print(JSON.stringify({ run: id, state: "RUNNING", outputs: {}, url }));
  terminal.note(`The run goes on: ${url} shows it live, and can terminate it`);
  terminal.note(`What it waits for: headrace explain run/${id}`);
  terminal.note(`What its steps say: headrace logs --follow ${id}`);
}

const pageOf = ({ running }: Connection, id: string): string => `${running.gateway}/#/runs/details/${id}`;

/** The run as it ended; undefined if the signal came first. */
async function watchToEnd(
  client: Client,
  id: string,
  terminal: Terminal,
  { say, signal }: { readonly say: (task: Task) => void; readonly signal: AbortSignal },
): Promise<Run | undefined> {
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort(), { once: true });
  const known = new Map<string, Task>();
  const draw = (): void => {
    const { columns, paint } = terminal;
    terminal.redraw(renderTree([...known.values()], { now: systemClock.now(), columns, paint }));
  };
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
    await following;
    return signal.aborted ? undefined : await client.resource(runs).get({ namespace: "kubeflow", name: id });
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

/** One line for each state that a task comes to, and for why it does not run yet. `said` is what was said of each last. */
function sayChange({ spec, status }: Task, said: Map<string, string>, terminal: Terminal): void {
  if (terminal.json || spec.type === "ROOT") return;
  const isWaiting = status.state === "PENDING";
  if (isWaiting && status.waiting === undefined) return;
  const word = isWaiting ? "waiting" : status.state.toLowerCase();
  const words = `${word.padEnd(10)} ${spec.key}${isWaiting ? `: ${status.waiting?.summary}` : ""}`;
  if (said.get(spec.key) === words) return;
  said.set(spec.key, words);
  terminal.print(words);
}

function report(connection: Connection, run: Run, all: readonly Task[], tookMs: number, terminal: Terminal): void {
  const root = all.find((task) => task.spec.type === "ROOT");
  const outputs = root?.status.outputs.parameters ?? {};
  const url = pageOf(connection, run.metadata.name ?? "");
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
  terminal.settle(renderTree(all, { now: systemClock.now(), columns: terminal.columns, paint: terminal.paint }));
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
