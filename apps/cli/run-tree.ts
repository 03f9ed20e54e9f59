import type { Task } from "@headrace/pipelines/resources";
import { formatDuration, type Style } from "./terminal.ts";

interface Row {
  readonly depth: number;
  readonly task: Task;
}

const marks: Readonly<Record<Task["status"]["state"], readonly [mark: string, style: Style]>> = {
  PENDING: ["○", "faint"],
  RUNNING: ["◐", "blue"],
  SUCCEEDED: ["✔", "green"],
  CACHED: ["✔", "cyan"],
  FAILED: ["✖", "red"],
  SKIPPED: ["⊘", "faint"],
  CANCELED: ["■", "faint"],
};

export interface TreeOptions {
  /** Milliseconds since the epoch, for what still runs. */
  readonly now: number;
  /** Lines are cut so that none is longer. */
  readonly columns: number;
  readonly paint: (style: Style, text: string) => string;
}

/** The tasks of a run as lines of a tree: mark, name, how long, and what there is to say. The root is not a line. */
export function renderTree(tasks: readonly Task[], { now, columns, paint }: TreeOptions): readonly string[] {
  const rows = order(tasks);
  const width = Math.max(0, ...rows.map(({ depth, task }) => depth * 2 + label(task).length));
  return rows.map(({ depth, task }) => {
    const [mark, style] = marks[task.status.state];
    const name = cut(`${"  ".repeat(depth)}${label(task)}`.padEnd(width), columns - margin);
    const said = cut(remark(task, now), columns - margin - name.length - 2);
    return `  ${paint(style, mark)} ${name}  ${said === "" ? "" : paint("faint", said)}`.trimEnd();
  });
}

/** Before a name: two spaces, the mark and one more. */
const margin = 4;

/** One line of at most so many characters. */
function cut(text: string, length: number): string {
  const line = text.replaceAll(/\s*\n\s*/g, " ");
  return line.length <= length ? line : `${line.slice(0, Math.max(0, length - 1))}…`;
}

function label(task: Task): string {
  return task.spec.iteration === undefined || task.spec.type !== "ITERATION"
    ? task.spec.displayName
    : `[${task.spec.iteration}]`;
}

function remark(task: Task, now: number): string {
  const { state, startedAt, finishedAt, waiting, error, iterations, attempts } = task.status;
  const parts: string[] = [];
  if (startedAt !== undefined && state !== "SKIPPED")
    parts.push(
      formatDuration(Math.max(0, (finishedAt === undefined ? now : Date.parse(finishedAt)) - Date.parse(startedAt))),
    );
  if (state === "CACHED") parts.push("cached");
  if (iterations !== undefined) parts.push(`${iterations} iterations`);
  if (attempts.length > 1) parts.push(`${attempts.length} tries`);
  if (waiting !== undefined && state === "PENDING") parts.push(waiting.summary);
  if (error !== undefined) parts.push(error.message);
  return parts.join(" · ");
}

/** Depth-first, siblings in the order in which they were made. */
function order(tasks: readonly Task[]): readonly Row[] {
  const children = Map.groupBy(
    tasks.toSorted((a, b) => a.spec.id - b.spec.id),
    (task) => task.spec.parent,
  );
  const rows: Row[] = [];
  const visit = (task: Task, depth: number): void => {
    if (task.spec.parent !== undefined) rows.push({ depth, task });
    for (const child of children.get(task.spec.id) ?? [])
      visit(child, task.spec.parent === undefined ? depth : depth + 1);
  };
  for (const root of children.get(undefined) ?? []) visit(root, 0);
  return rows;
}
