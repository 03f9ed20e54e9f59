/**
 * `npm run bench -- NAME`: measures Headrace beside its peers in one run on one machine and prints ratios. Absolute times differ from
 * machine to machine and from hour to hour; only ratios inside one run count.
 */
const benches: Readonly<Record<string, () => Promise<{ main: () => Promise<void> }>>> = {
  dashboard: () => import("./dashboard/main.ts"),
  pipelines: () => import("./pipelines/main.ts"),
  sandbox: () => import("./sandbox.ts"),
  storage: () => import("./storage/main.ts"),
};

const name = process.argv[2] ?? "";
const bench = benches[name];
if (bench === undefined) {
  console.error(`usage: npm run bench -- NAME\nNames: ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
const { main } = await bench();
await main();
process.exit(0);
