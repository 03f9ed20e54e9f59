import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startFresh } from "@headrace/platform/testing";
import { type Row, writeTable } from "../table.ts";

/** What upstream's own continuous integration runs: all but what prepares and follows an upgrade. */
const label = "ApiServerTests";

/** One case of Ginkgo's report, as far as it is read. */
interface Spec {
  readonly LeafNodeType: string;
  readonly LeafNodeText: string;
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly State: "passed" | "failed" | "panicked" | "timedout" | "skipped" | "pending" | "interrupted" | "aborted";
  readonly Failure?: { readonly Message: string };
}

/** Why a case may miss: by what its failure says. Whatever misses for another reason is a fault of ours. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [
    /takes artifact .* as an input, which a run cannot be given/,
    "refused at once: nothing could give the run its artifact; upstream takes it, and it fails at its first step",
  ],
  [
    /no provider is configured for s3:\/\//,
    "refused at once: no store is configured for the pipeline root `s3://change/me`; upstream takes it, and it fails at its first step",
  ],
];

/**
 * Runs the cases of upstream's Go API suite whose text matches `filter` against a fresh Headrace, with the Go toolchain that is
 * in PATH; writes the pass table when none was left out. Resolves to 0 if every miss has a known reason.
 */
export async function main(checkout: string, filter: string): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "headrace-kfp-api-"));
  try {
    const suite = join(directory, "api.test");
    await run("go", ["test", "-c", "-o", suite, "./backend/test/v2/api"], { cwd: checkout });
    const specs = await runSuite(suite, { checkout, directory, filter });
    return await report(specs, filter === "");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Suite {
  readonly checkout: string;
  readonly directory: string;
  readonly filter: string;
}

async function runSuite(suite: string, { checkout, directory, filter }: Suite): Promise<readonly Spec[]> {
  await using headrace = await startFresh();
  const { gateway, kubeconfig } = headrace.platform.running;
  const { hostname, port } = new URL(gateway);
  // The suite looks upwards for its data, and writes its reports where it stands: that is not in the checkout.
  const cwd = join(directory, "backend", "run");
  await mkdir(cwd, { recursive: true });
  await symlink(join(resolve(checkout), "test_data"), join(directory, "test_data"));
  const flags = [`-apiUrl=${gateway}`, `-apiHost=${hostname}`, `-apiPort=${port}`, "-namespace=kubeflow"];
  const chosen = [
    "--ginkgo.no-color",
    `--ginkgo.label-filter=${label}`,
    ...(filter ? [`--ginkgo.focus=${filter}`] : []),
  ];
  await run(suite, [...flags, ...chosen], { cwd, env: { ...process.env, KUBECONFIG: kubeconfig }, quiet: true });
  const [ginkgo] = JSON.parse(await readFile(join(cwd, "reports", "api.json"), "utf8")) as [
    { readonly SpecReports: readonly Spec[] },
  ];
  for (const complaint of headrace.complaints) console.log(`headrace: ${complaint}`);
  return ginkgo.SpecReports.filter(({ LeafNodeType, State }) => LeafNodeType === "It" && State !== "pending");
}

/** Rejects if the program cannot be started. One that is `quiet` may fail: its report says more. */
async function run(
  program: string,
  args: readonly string[],
  { cwd, env = process.env, quiet = false }: { cwd: string; env?: NodeJS.ProcessEnv; quiet?: boolean },
): Promise<void> {
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", quiet ? "ignore" : "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0 && !quiet) throw new RangeError(`${program} ${args.join(" ")} ended with ${code ?? "a signal"}`);
}

async function report(specs: readonly Spec[], whole: boolean): Promise<number> {
  const ran = specs.filter(({ State, Failure }) => State !== "skipped" || Failure !== undefined);
  const misses = ran.filter(({ State }) => State !== "passed" && State !== "skipped");
  for (const spec of misses)
    console.log(`MISS  ${nameOf(spec)}\n      ${reasonOf(spec) ?? spec.Failure?.Message.trim()}`);
  const counted = ran.filter(({ State }) => State !== "skipped").length;
  console.log(`\n${counted - misses.length} of ${counted} cases pass`);
  if (whole)
    await writeTable("docs/compatibility.md", "kfp-api", "npm run conformance -- kfp-api --checkout DIR", rows(ran));
  return misses.every((spec) => reasonOf(spec) !== undefined) ? 0 : 1;
}

/** What passes by the suite's chapters, in one row each; what does not, case by case. */
function rows(specs: readonly Spec[]): readonly Row[] {
  const chapters = Map.groupBy(specs, ({ ContainerHierarchyTexts }) => tidy(ContainerHierarchyTexts?.[0] ?? ""));
  return [...chapters]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .flatMap(([chapter, cases]) => {
      const passed = cases.filter(({ State }) => State === "passed").length;
      const others = cases.filter(({ State }) => State !== "passed").map(toRow);
      const note = `${passed} ${passed === 1 ? "case" : "cases"}`;
      return [...(passed > 0 ? [{ name: chapter, outcome: "pass" as const, note, cases: passed }] : []), ...others];
    });
}

function toRow(spec: Spec): Row {
  const said = (spec.Failure?.Message ?? "").trim().split("\n")[0] ?? "";
  if (spec.State === "skipped") return { name: nameOf(spec), outcome: "skip", note: `upstream leaves it out: ${said}` };
  return { name: nameOf(spec), outcome: "miss", note: reasonOf(spec) ?? said };
}

function reasonOf({ Failure }: Spec): string | undefined {
  return reasons.find(([pattern]) => pattern.test(Failure?.Message ?? ""))?.[1];
}

function nameOf({ ContainerHierarchyTexts, LeafNodeText }: Spec): string {
  return [ContainerHierarchyTexts?.[0] ?? "", LeafNodeText].map(tidy).join(": ");
}

/** Chapters end in an arrow, and cases name files of the checkout. */
function tidy(text: string): string {
  return text.replace(/\s*>\s*$/, "").replace(/\/\S*\/sdk_compiled_pipelines\/valid\//, "");
}
