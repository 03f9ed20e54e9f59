/** `npm run chaos -- pipelines [--kills N] [--seed S]`: kills Headrace and its launcher at random points while pipelines run, and counts what was lost. */
import { parseArgs } from "node:util";

const subjects: Readonly<
  Record<string, () => Promise<{ main: (options: { kills: number; seed: number }) => Promise<number> }>>
> = {
  pipelines: () => import("./pipelines.ts"),
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { kills: { type: "string", default: "50" }, seed: { type: "string", default: "1" } },
});
const subject = subjects[positionals[0] ?? ""];
if (subject === undefined) {
  console.error(
    `usage: npm run chaos -- SUBJECT [--kills N] [--seed S]\nSubjects: ${Object.keys(subjects).join(", ")}`,
  );
  process.exit(2);
}
const { main } = await subject();
process.exit(await main({ kills: Number(values.kills), seed: Number(values.seed) }));
