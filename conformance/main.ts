/**
 * `npm run conformance -- SUITE [options]`: upstream suites and real clients against a fresh Headrace. Upstream's files come
 * from a checkout that the caller names; nothing of it is kept here.
 */
import { parseArgs } from "node:util";

const suites: Readonly<Record<string, () => Promise<{ main: (checkout: string, filter: string) => Promise<number> }>>> =
  {
    kfp: () => import("./kfp/main.ts"),
    "kfp-api": () => import("./kfp/api-suite.ts"),
  };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { checkout: { type: "string" }, only: { type: "string", default: "" } },
});
const suite = suites[positionals[0] ?? ""];
if (suite === undefined || values.checkout === undefined) {
  console.error(
    `usage: npm run conformance -- SUITE --checkout DIR [--only TEXT]\nSuites: ${Object.keys(suites).join(", ")}`,
  );
  process.exit(2);
}
const { main } = await suite();
process.exit(await main(values.checkout, values.only));
