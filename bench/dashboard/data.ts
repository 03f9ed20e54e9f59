import { join } from "node:path";
import type { Clock, Ids } from "@headrace/model";
import { writeRuns } from "@headrace/pipelines/testing";
import { openRecords } from "@headrace/records";

/** Runs that the pages are measured on. */
export const loaded = {
  runs: 10_000,
  graph: { id: "00001000-0000-4000-8000-000000000000", steps: 1000 },
  large: { id: "00005000-0000-4000-8000-000000000000", steps: 5000 },
} as const;

/** Loads rows through records into a data directory whose Headrace is not running. */
export async function loadRuns(dataDirectory: string, { clock, ids }: { clock: Clock; ids: Ids }): Promise<void> {
  const records = await openRecords({ path: join(dataDirectory, "records.db"), clock, ids });
  try {
    const now = clock.now();
    const small = Array.from({ length: loaded.runs - 2 }, (_, index) => ({
      id: ids.uuid(),
      name: `nightly ${index}`,
      steps: 4,
      parameters: { rate: (index % 10) / 10, seed: index },
      metrics: { accuracy: 0.8 + (index % 100) / 500, loss: 1 / (1 + (index % 50)) },
      startedAt: now - (loaded.runs - index) * 60_000,
      ...(index % 17 === 0 && { failed: 2 }),
    }));
    const [graph, large] = [loaded.graph, loaded.large].map(({ id, steps }) => ({
      id,
      name: `${steps} steps`,
      steps,
      startedAt: now - 120_000,
    }));
    await writeRuns(records, "kubeflow", [...small, ...(graph ? [graph] : []), ...(large ? [large] : [])]);
  } finally {
    await records.close();
  }
}
