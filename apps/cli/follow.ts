import type { Client } from "@headrace/client";
import { runs, tasks, type Run, type Task } from "@headrace/pipelines/resources";
import { systemClock, type WatchEvent } from "@headrace/model";
import type { Connection } from "./connection.ts";
import { renderTree } from "./run-tree.ts";
import { CommandError, formatDuration, type Terminal } from "./terminal.ts";

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

/** Says how to see more of a run that nobody follows. */
export function leaveGoing(connection: Connection, id: string, terminal: Terminal): void {
  const url = pageOf(connection, id);
  if (terminal.json) terminal.value({ run: id, state: "RUNNING", outputs: {}, url });
  terminal.note(`The run goes on: ${url} shows it live, and can terminate it`);
  terminal.note(`What it waits for: headrace explain run/${id}`);
  terminal.note(`What its steps say: headrace logs --follow ${id}`);
}

const pageOf = ({ running }: Connection, id: string): string => `${running.gateway}/#/runs/details/${id}`;

/**
 * The run as it ended; undefined if the signal came first. A watch that ends, as servers end them, is begun anew. Throws
 * CommandError if Headrace is gone, or the run.
 */
async function watchToEnd(
  client: Client,
  id: string,
  terminal: Terminal,
  { say, signal }: { readonly say: (task: Task) => void; readonly signal: AbortSignal },
): Promise<Run | undefined> {
  const known = new Map<string, Task>();
  const draw = (): void => {
    const { columns, paint } = terminal;
    terminal.redraw(renderTree([...known.values()], { now: systemClock.now(), columns, paint }));
  };
  using _ = startTicking(draw, terminal.interactive);
  let failures = 0;
  for (;;) {
    const ended = await watchOnce(client, id, signal, ({ object, type }) => {
      failures = 0;
      if (type === "DELETED") known.delete(object.metadata.name ?? "");
      else known.set(object.metadata.name ?? "", object);
      if (terminal.interactive) draw();
      else if (type !== "DELETED") say(object);
    }).catch((error: unknown) => {
      // The next look at the run tells whether there is a Headrace to watch; one that lets us look but not watch stays so.
      if (++failures > 1) throw error;
      return undefined;
    });
    if (ended !== undefined || signal.aborted) return ended;
    const now = await findRun(client, id);
    if (finished.has(now.status.state)) return now;
  }
}

/** Until the run ends, or the watch does. */
async function watchOnce(
  client: Client,
  id: string,
  signal: AbortSignal,
  changed: (event: WatchEvent<Task>) => void,
): Promise<Run | undefined> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const following = followTasks(client, id, either, changed)
    .catch(() => {})
    .finally(() => stop.abort());
  try {
    const events = client.resource(runs).watch({ fieldSelector: `metadata.name=${id}`, signal: either });
    for await (const { object, type } of events) {
      if (type === "DELETED") return undefined;
      if (type !== "BOOKMARK" && finished.has(object.status.state)) return object;
    }
  } finally {
    stop.abort();
    await following;
  }
  return undefined;
}

async function followTasks(
  client: Client,
  run: string,
  signal: AbortSignal,
  changed: (event: WatchEvent<Task>) => void,
): Promise<void> {
  for await (const event of client.resource(tasks).watch({ labelSelector: `headrace.io/run=${run}`, signal })) {
    if (event.type !== "BOOKMARK") changed(event);
  }
}

async function findRun(client: Client, id: string): Promise<Run> {
  try {
    const { items } = await client.resource(runs).list({ fieldSelector: `metadata.name=${id}` });
    const [run] = items;
    if (run !== undefined) return run;
  } catch (cause) {
    throw new CommandError(
      "Cannot follow the run any further: Headrace does not answer",
      {
        why: cause instanceof Error ? cause.message : String(cause),
        remedy: `Start it again with \`headrace up --detach\`: the run goes on then, and \`headrace explain run/${id}\` knows how it went`,
      },
      { cause },
    );
  }
  throw new CommandError(`Cannot follow the run any further: run ${id} was deleted`);
}

function startTicking(draw: () => void, wanted: boolean): Disposable {
  let timer: Disposable | undefined;
  const next = (): void => {
    timer = systemClock.after(tick, () => {
      draw();
      next();
    });
  };
  if (wanted) next();
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
    return terminal.value({
      run: run.metadata.name,
      state: run.status.state,
      outputs,
      ...(run.status.error !== undefined && { error: run.status.error }),
      url,
    });
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
