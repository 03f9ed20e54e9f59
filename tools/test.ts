/**
 * Runs the tests in two lanes side by side. *In process*: memory store, fake clock, no isolation, one process. *Real*: the
 * launcher, SQLite and stock clients; files named `*.real.test.ts`. `npm test -- PATTERN` keeps the files whose path contains it.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";

interface Lane {
  readonly name: string;
  readonly files: readonly string[];
}

interface Result {
  readonly lane: Lane;
  readonly code: number;
  readonly output: string;
  readonly seconds: number;
}

/** For a test, and for all of a file that stands in one `describe`: ten times what the longest takes on a quiet machine of 2 cores. */
const limitMs = 900_000;

const roots = "{packages,components,platform,apps,tools,examples,bench}";
const pattern = process.argv[2] ?? "";
const files = globSync(`${roots}/**/*.test.ts`, { exclude: (path) => path.endsWith("node_modules") })
  .filter((file) => file.includes(pattern))
  .sort();
const isReal = (file: string): boolean => file.endsWith(".real.test.ts");
const lanes: readonly Lane[] = [
  { name: "in process", files: files.filter((file) => !isReal(file)) },
  { name: "real", files: files.filter(isReal) },
].filter((lane) => lane.files.length > 0);

if (lanes.length === 0) {
  console.error(`Cannot run tests: no test file matches "${pattern}"`);
  process.exit(1);
}

function run(lane: Lane): Promise<Result> {
  const flags = ["--test", "--test-isolation=none", "--test-reporter=./tools/reporter.ts", `--test-timeout=${limitMs}`];
  const since = performance.now();
  const child = spawn(process.execPath, [...flags, ...lane.files], { stdio: ["ignore", "pipe", "pipe"] });
  // A terminal's Ctrl-C reaches the lanes by itself. Each ends what it has started.
  process.on("SIGTERM", () => child.kill());
  let output = "";
  const keep = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  return new Promise((resolve) => {
    child.on("close", (code) =>
      resolve({ lane, code: code ?? 1, output, seconds: (performance.now() - since) / 1000 }),
    );
  });
}

const results = await Promise.all(
  lanes.map(async (lane) => {
    const result = await run(lane);
    const title = `${lane.name}: ${lane.files.length} files, ${result.seconds.toFixed(0)} s`;
    process.stdout.write(`\n━━ ${title} ━━\n${result.output}`);
    return result;
  }),
);
process.exit(results.some((result) => result.code !== 0) ? 1 : 0);
