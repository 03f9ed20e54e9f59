/**
 * `npm run screenshots -- DIR`: runs the digits example and a pipeline that fails on a fresh Headrace, defines a pipeline, a schedule and
 * an experiment, and writes pictures of their pages, in both themes, 1280 pixels wide.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { launchBrowser, openPage } from "../apps/dashboard/browser.ts";
import { buildDashboard } from "../apps/dashboard/build.ts";
import { HeadraceProcess } from "../platform/testing/headrace-process.ts";
import { blocksOf } from "./documents.ts";

interface Picture {
  readonly name: string;
  readonly path: string;
  /** Shown when everything that the picture is of is there. */
  readonly ready: string;
  /** What to do before the picture is taken. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const bin = "apps/cli/bin/headrace.js";
const failingPage = "docs/how-to/find-out-why.md";

const [target] = process.argv.slice(2);
if (target === undefined || !relative(process.cwd(), resolve(target)).startsWith("..")) {
  console.error("usage: npm run screenshots -- DIR, a directory outside of the repository");
  process.exit(2);
}
await mkdir(target, { recursive: true });
const scratch = await mkdtemp(join(tmpdir(), "headrace-screenshots-"));
try {
  await buildDashboard();
  const home = join(scratch, "home");
  const headrace = new HeadraceProcess({ home, runtime: scratch });
  const gateway = await headrace.ready;
  try {
    const digits = await runPipeline("examples/digits/pipeline.py", "digits", home);
    const again = await runPipeline("examples/digits/pipeline.py", "digits again", home);
    const broken = await runPipeline(await writeFailing(scratch), "broken", home);
    const defined = await define(gateway, digits);
    const browser = await launchBrowser(process.env);
    try {
      for (const picture of pictures([digits, again], broken, defined)) await take(browser, gateway, picture, target);
    } finally {
      await browser.close();
    }
  } finally {
    await headrace.stop();
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}

interface Defined {
  readonly pipeline: string;
  readonly experiment: string;
  readonly schedule: string;
}

/** A pipeline of the run's own, two runs of it in an experiment, and a schedule. */
async function define(gateway: string, run: string): Promise<Defined> {
  const call = async (path: string, body?: object): Promise<Record<string, string | object>> => {
    const options = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${gateway}/apis/v2beta1/${path}`, options);
    if (!response.ok) throw new RangeError(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, string | object>;
  };
  const { pipeline_spec } = await call(`runs/${run}`);
  const made = await call("pipelines/create", {
    pipeline: { name: "digits", description: "From handwritten digits to a published model", tags: { team: "vision" } },
    pipeline_version: { pipeline_spec },
  });
  const pipeline = String(made["pipeline_id"]);
  const { experiment_id } = await call("experiments", { display_name: "digits baseline" });
  const common = { experiment_id, pipeline_version_reference: { pipeline_id: pipeline } };
  for (const name of ["baseline 1", "baseline 2"]) await call("runs", { ...common, display_name: name });
  const nightly = await call("recurringruns", {
    ...common,
    display_name: "nightly",
    trigger: { cron_schedule: { cron: "0 0 2 * * *" } },
    max_concurrency: "1",
    mode: "ENABLE",
  });
  return { pipeline, experiment: String(experiment_id), schedule: String(nightly["recurring_run_id"]) };
}

function pictures(runs: readonly [string, string], broken: string, defined: Defined): readonly Picture[] {
  const [digits] = runs;
  const lineage = async (page: Page): Promise<void> => {
    await page.locator("td a.name").first().click();
    await page.getByRole("link", { name: "Lineage" }).click();
    await page.locator(".graph .node").first().waitFor();
  };
  const open = (step: RegExp) => (page: Page) => page.getByRole("button", { name: step }).first().click();
  return [
    { name: "runs", path: "/runs", ready: "td a.name" },
    { name: "run", path: `/runs/details/${digits}`, ready: ".graph .node" },
    { name: "step", path: `/runs/details/${digits}?task=pick-best`, ready: ".panel h2" },
    { name: "failed-run", path: `/runs/details/${broken}`, ready: ".graph .node", prepare: open(/^divide/) },
    { name: "pipelines", path: "/pipelines", ready: "td a.name", prepare: open(/^Show the versions/) },
    {
      name: "pipeline",
      path: `/pipelines/details/${defined.pipeline}`,
      ready: ".graph .node",
      prepare: open(/^load-digits/),
    },
    { name: "pipeline-spec", path: `/pipelines/details/${defined.pipeline}/spec`, ready: ".source-view .line" },
    { name: "upload", path: "/pipeline_versions/new", ready: ".form" },
    { name: "new-run", path: `/runs/new?pipelineId=${defined.pipeline}`, ready: ".preview-code" },
    {
      name: "new-schedule",
      path: `/runs/new?pipelineId=${defined.pipeline}&recurring=1`,
      ready: ".next-times li",
      prepare: (page) => page.locator(".next-times").scrollIntoViewIfNeeded(),
    },
    { name: "experiments", path: "/experiments", ready: "td a.name" },
    { name: "experiment", path: `/experiments/details/${defined.experiment}`, ready: "td a.name" },
    { name: "schedules", path: "/recurringruns", ready: "td a.name" },
    { name: "artifacts", path: "/artifacts", ready: "td a.name" },
    { name: "lineage", path: "/artifacts?q=name:best", ready: "td a.name", prepare: lineage },
    { name: "steps", path: "/executions", ready: "td a.name" },
    { name: "compare", path: `/compare?runlist=${runs.join(",")}&all=1`, ready: ".bars" },
    { name: "schedule", path: `/recurringrun/details/${defined.schedule}/settings`, ready: ".facts" },
  ];
}

async function take(browser: Browser, gateway: string, picture: Picture, folder: string): Promise<void> {
  for (const theme of ["light", "dark"] as const) {
    const { page, errors } = await openPage(browser, gateway, picture.path, { theme });
    await page.locator(picture.ready).first().waitFor();
    await picture.prepare?.(page);
    await page.waitForLoadState("networkidle", { timeout: 2_000 }).catch(() => undefined);
    const file = join(folder, `${picture.name}-${theme}.png`);
    await page.screenshot({ path: file });
    console.log(file);
    for (const error of errors) console.log(`  the page complains: ${error}`);
    await page.close();
  }
}

/** Resolves to the run's id, however it ends. */
async function runPipeline(file: string, name: string, home: string): Promise<string> {
  const args = [bin, "run", file, "--name", name, "--output", "json"];
  const env = { ...process.env, HEADRACE_HOME: home };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env }).catch(
    (failure: { stdout: string; stderr: string }) => {
      if (!failure.stdout.includes('"run"')) throw new RangeError(`${file} could not be run: ${failure.stderr}`);
      return failure;
    },
  );
  return (JSON.parse(stdout) as { run: string }).run;
}

/** The failing pipeline of the page that explains how to find out why. */
async function writeFailing(folder: string): Promise<string> {
  const text = await readFile(failingPage, "utf8");
  const block = blocksOf({ path: failingPage, text }).find(({ mark }) => mark.startsWith("file:"));
  const file = join(folder, "broken.py");
  await writeFile(file, block?.text ?? "");
  return file;
}
