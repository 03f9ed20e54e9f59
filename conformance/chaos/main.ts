/**
 * `npm run chaos -- pipelines [--kills N] [--seed S] [--losses]`: kills Headrace and what works for it at random moments while pipelines run,
 * and counts what was lost, doubled or left over. With `--losses` also what takes steps along, which then run again.
 */
import { parseArgs } from "node:util";

const subjects: Readonly<
  Record<
    string,
    () => Promise<{ main: (options: { kills: number; seed: number; losses: boolean }) => Promise<number> }>
  >
> = {
  pipelines: () => import("./pipelines.ts"),
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    losses: { type: "boolean", default: false },
  },
});
const subject = subjects[positionals[0] ?? ""];
const [kills, seed] = [Number(values.kills), Number(values.seed)];
if (subject === undefined || !Number.isSafeInteger(kills) || !Number.isSafeInteger(seed)) {
  console.error(
    `usage: npm run chaos -- SUBJECT [--kills N] [--seed S] [--losses]\nSubjects: ${Object.keys(subjects).join(", ")}`,
  );
  process.exit(2);
}
const { main } = await subject();
process.exit(await main({ kills, seed, losses: values.losses }));
