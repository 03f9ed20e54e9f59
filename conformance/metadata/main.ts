import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pythonOf, startFresh } from "@headrace/platform/testing";
import { type Row, writeTable } from "../table.ts";

const file = "metadata_store_test.py";

/** What one line of `pytest --verbose` says of a case. */
interface Case {
  readonly name: string;
  readonly outcome: string;
}

/**
 * Runs upstream's suite of the Python client, which can be told to speak gRPC, against a fresh Headrace; writes the pass table when
 * none was left out. Resolves to 0 if nothing misses.
 */
export async function main(checkout: string, filter: string): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "headrace-mlmd-"));
  try {
    const from = join(checkout, "ml_metadata", "metadata_store");
    await copyFile(join(from, "conftest.py"), join(directory, "conftest.py"));
    await writeFile(join(directory, file), repaired(await readFile(join(from, file), "utf8")));
    const python = await pythonOf("3.11", "ml-metadata==1.17.1", "absl-py==1.4.0", "pytest==9.2.0");
    const cases = await run(python, directory, filter);
    return await report(cases, filter === "");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Four cases, which upstream runs with a database alone, forget an argument where they would speak gRPC. */
function repaired(text: string): string {
  return text
    .replaceAll("_get_metadata_store(self.self.cli_args, ", "_get_metadata_store(self.cli_args, ")
    .replaceAll("_get_metadata_store(grpc_", "_get_metadata_store(self.cli_args, grpc_");
}

async function run(python: string, directory: string, filter: string): Promise<readonly Case[]> {
  await using headrace = await startFresh();
  const { hostname, port } = new URL(headrace.platform.running.gateway);
  const words = ["-W", "ignore", "-m", "pytest", "--verbose", "-p", "no:cacheprovider", file, "-k", filter];
  const child = spawn(python, [...words, "--use_grpc_backend", "--grpc_host", hostname, "--grpc_port", port], {
    cwd: directory,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    process.stdout.write(chunk);
  });
  await once(child, "close");
  return [...output.matchAll(/^\S+::(\w+) (PASSED|FAILED|ERROR|SKIPPED|XFAIL)\b/gm)].map(
    ([, name = "", outcome = ""]) => ({ name, outcome }),
  );
}

async function report(cases: readonly Case[], isWhole: boolean): Promise<number> {
  const passed = cases.filter(({ outcome }) => outcome === "PASSED");
  const rows: readonly Row[] = [
    { name: `\`${file}\`: ${passed.length} cases`, outcome: "pass", note: "", cases: passed.length },
    ...cases.flatMap(({ name, outcome }): readonly Row[] => {
      if (outcome === "XFAIL")
        return [{ name, outcome: "skip", note: "upstream does not run it, either: it migrates a database" }];
      return outcome === "PASSED" ? [] : [{ name, outcome: "miss", note: outcome.toLowerCase() }];
    }),
  ];
  const isFaultless = passed.length > 0 && rows.every(({ outcome }) => outcome !== "miss");
  if (isWhole) await writeTable("docs/compatibility.md", "mlmd", "npm run conformance -- mlmd --checkout DIR", rows);
  return isFaultless ? 0 : 1;
}
