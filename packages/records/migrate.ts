import type { Clock, Migration } from "@headrace/model";
import type { Kysely } from "kysely";
import { DatabaseNewerError, MigrationFailedError, MigrationOrderError } from "./errors.ts";
import type { LineageTables } from "./tables.ts";

/**
 * Runs what is missing of the components' migrations, each in a transaction of its own, in the order given and by number
 * within a component. A database that knows more than the code is refused before anything is changed.
 */
export async function migrate(
  db: Kysely<LineageTables>,
  migrations: readonly Migration[],
  clock: Clock,
): Promise<void> {
  const byComponent = Map.groupBy(migrations, (migration) => migration.component);
  const applied = new Map<string, number>();
  for (const [component, steps] of byComponent) {
    steps.sort((a, b) => a.id - b.id);
    checkNumbering(component, steps);
    const found = await newestApplied(db, component);
    if (found > steps.length) throw new DatabaseNewerError(component, found, steps.length);
    applied.set(component, found);
  }
  for (const [component, steps] of byComponent) {
    for (const step of steps.slice(applied.get(component) ?? 0)) await applyMigration(db, step, clock);
  }
}

function checkNumbering(component: string, steps: readonly Migration[]): void {
  steps.forEach((step, index) => {
    if (step.id !== index + 1) throw new MigrationOrderError(component, index + 1, step.id);
  });
}

async function newestApplied(db: Kysely<LineageTables>, component: string): Promise<number> {
  const row = await db
    .selectFrom("migration")
    .select((eb) => eb.fn.max("id").as("newest"))
    .where("component", "=", component)
    .executeTakeFirst();
  return row?.newest ?? 0;
}

async function applyMigration(db: Kysely<LineageTables>, step: Migration, clock: Clock): Promise<void> {
  try {
    await db.transaction().execute(async (tx) => {
      await step.up(tx);
      await tx
        .insertInto("migration")
        .values({ component: step.component, id: step.id, name: step.name, applied_at: clock.now() })
        .execute();
    });
  } catch (cause) {
    throw new MigrationFailedError(step.component, step.id, step.name, { cause });
  }
}
