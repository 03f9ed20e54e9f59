import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Between the end of one step's own code and the start of the next one's: a phase, and how long each step's took, in milliseconds. */
export interface Phase {
  readonly name: string;
  readonly times: readonly number[];
}

interface Attempt {
  readonly created: number;
  readonly started: number;
  readonly finished: number;
}

/**
 * Where the time between the steps of a chain goes. Everything is read from what Headrace writes down anyway (the attempts' rows,
 * the audit log), so that nothing is measured, and nothing costs, while the chain runs.
 *
 * @param home the data directory.
 * @param ticks when each step's own code began and ended, in seconds.
 */
export function phasesOf(home: string, run: string, ticks: readonly (readonly [number, number])[]): readonly Phase[] {
  const attempts = attemptsOf(home, run);
  const made = creations(home);
  const phases = [
    "user code ends, its process is gone",
    "outputs are collected and reported",
    "commits: the report, the next pod with its node",
    "volumes, token, artifacts, request to the launcher",
    "process confined, user code begins",
  ].map((name) => ({ name, times: new Array<number>() }));
  for (const [index, next] of attempts.slice(1).entries()) {
    const [before, last, tick] = [attempts[index], ticks[index], ticks[index + 1]];
    const madeAt = made.find((at) => at >= next.created);
    if (before === undefined || last === undefined || tick === undefined || madeAt === undefined) continue;
    const moments = [last[1] * 1000, before.finished, next.created, madeAt, next.started, tick[0] * 1000];
    for (const [n, { times }] of phases.entries()) times.push((moments[n + 1] ?? 0) - (moments[n] ?? 0));
  }
  return phases;
}

/** When the steps of a run ended, in order, in milliseconds since the epoch. */
export function endsOf(home: string, run: string): readonly number[] {
  return attemptsOf(home, run)
    .map(({ finished }) => finished)
    .toSorted((a, b) => a - b);
}

/** How many attempts have succeeded by now, while Headrace works. */
export function countEnded(home: string): Disposable & { count(): number } {
  const database = new DatabaseSync(join(home, "records.db"), { readOnly: true });
  const counting = database.prepare("select count(*) as ended from attempt where state = 'SUCCEEDED'");
  return { count: () => Number(counting.get()?.["ended"]), [Symbol.dispose]: () => database.close() };
}

function attemptsOf(home: string, run: string): readonly Attempt[] {
  using database = new DatabaseSync(join(home, "records.db"), { readOnly: true });
  const rows = database
    .prepare("select created_at, started_at, finished_at from attempt where run = ? order by task")
    .all(run);
  return rows.map((row) => ({
    created: Number(row["created_at"]),
    started: Number(row["started_at"]),
    finished: Number(row["finished_at"]),
  }));
}

/** When pods were made, in milliseconds since the epoch: in a chain each has its node from the start. */
function creations(home: string): readonly number[] {
  const lines = readFileSync(join(home, "logs", "audit.log"), "utf8").split("\n");
  return lines.flatMap((line) => {
    if (!line.includes('"pods"')) return [];
    const { verb, time }: { verb: string; time: string } = JSON.parse(line);
    return verb === "create" ? [Date.parse(time)] : [];
  });
}
