import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What a Headrace that has been used for long holds: so many runs of so many tasks, and one run of many tasks. */
export interface History {
  readonly runs: number;
  /** Steps of each, in a loop; a run has twice as many tasks, and two. */
  readonly steps: number;
  readonly largest: number;
}

type Row = Readonly<Record<string, string | number | bigint | null | Uint8Array>>;

/**
 * Fills the records of a stopped Headrace with history: copies, under new names and numbers, of a run of one loop of one step that it
 * has run itself, so that every row is as Headrace writes it.
 *
 * @param home its data directory.
 * @returns the ids of the largest run and of the newest of the others.
 */
export function writeHistory(
  home: string,
  template: string,
  { runs, steps, largest }: History,
): { largest: string; newest: string } {
  using database = new DatabaseSync(join(home, "records.db"));
  database.exec("pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -200000");
  const copy = copier(database, template);
  const ids: string[] = [];
  for (let from = 0; from < runs; from += 100) {
    database.exec("begin");
    for (let n = from; n < Math.min(runs, from + 100); n += 1) ids.push(copy(steps, n - runs));
    database.exec("commit");
  }
  database.exec("begin");
  const largestRun = copy(largest, -runs - 1);
  database.exec("commit");
  database.exec("pragma wal_checkpoint(truncate)");
  return { largest: largestRun, newest: ids.at(-1) ?? "" };
}

/** Copies the run with `steps` turns of its loop, as if it had been made `age` seconds after (before, if negative) its template. */
function copier(database: DatabaseSync, template: string): (steps: number, age: number) => string {
  const rowsOf = (table: string, column: string): readonly Row[] =>
    database.prepare(`select * from "${table}" where "${column}" = ?`).all(template) as Row[];
  const one = (rows: readonly Row[], what: string): Row => {
    const [row] = rows;
    if (row === undefined) throw new RangeError(`Cannot copy run ${template}: it has no ${what}`);
    return row;
  };
  const tasks = rowsOf("task", "run");
  const ofType = (type: string): Row =>
    one(
      tasks.filter((row) => row["type"] === type),
      type,
    );
  const [root, loop, iteration, step] = [ofType("ROOT"), ofType("LOOP"), ofType("ITERATION"), ofType("RUNTIME")];
  const attempt = one(rowsOf("attempt", "run"), "attempt");
  const [run, details, states] = [
    one(rowsOf("run", "id"), "row"),
    one(rowsOf("pipeline_run", "run"), "row"),
    rowsOf("run_state", "run"),
  ];
  let lastTask = Number(database.prepare("select max(id) as last from task").get()?.["last"]);
  const insert = inserter(database);

  return (copies, age) => {
    const id = randomUUID();
    const later = (row: Row): Row =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          name.endsWith("_at") && value !== null ? Number(value) + age * 1000 : value,
        ]),
      );
    const task = (row: Row, changes: Row): number => {
      lastTask += 1;
      insert("task", { ...later(row), run: id, uid: randomUUID(), ...changes, id: lastTask });
      return lastTask;
    };
    insert("run", { ...later(run), id });
    insert("pipeline_run", { ...later(details), run: id });
    for (const { id: _, ...state } of states) insert("run_state", { ...state, run: id });
    const top = task(root, {});
    const items = JSON.stringify(Array.from({ length: copies }, (_, n) => n));
    const ring = task(loop, { parent: top, items });
    for (let n = 0; n < copies; n += 1) {
      const key = `${String(loop["key"])}[${n}]`;
      const turn = task(iteration, { parent: ring, key, name: `[${n}]`, display_name: `[${n}]`, iteration: n });
      const made = task(step, { parent: turn, key: `${key}/${String(step["name"])}` });
      insert("attempt", { ...later(attempt), run: id, task: made, pod: `${String(details["resource_name"])}-${made}` });
    }
    return id;
  };
}

function inserter(database: DatabaseSync): (table: string, row: Row) => void {
  const statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  return (table, row) => {
    const names = Object.keys(row);
    const text = `insert into "${table}" (${names.map((name) => `"${name}"`).join(", ")}) values (${names.map(() => "?").join(", ")})`;
    let statement = statements.get(text);
    if (statement === undefined) statements.set(text, (statement = database.prepare(text)));
    statement.run(...Object.values(row));
  };
}
