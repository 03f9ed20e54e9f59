import { mkdtemp, readFile, rm } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { launchBrowser } from "@headrace/dashboard/browser";
import { buildDashboard } from "@headrace/dashboard/build";
import { systemClock, systemIds } from "@headrace/model";
import { createPlatform, type Platform } from "@headrace/platform";
import type { Browser, Page } from "playwright-core";
import { median, percentile, printTable } from "../measure.ts";
import { loaded, loadRuns } from "./data.ts";

type Motion = "scroll" | "pan" | "zoom" | "square";

/** What runs in the pages is theirs: it is checked with the browser's types, and they get its text. */
const inPage = stripTypeScriptTypes(await readFile(new URL("./in-page.ts", import.meta.url), "utf8"));

/** Calls one of its functions. */
async function ask<T>(page: Page, call: string, argument: unknown): Promise<T> {
  return await page.evaluate<T>(`bench.${call}(${JSON.stringify(argument)})`);
}

/** First page, page changes, liveness and smoothness of the dashboard in a real Chromium, beside a bare page in the same browser. */
export async function main(): Promise<void> {
  const { folder } = await buildDashboard();
  const scratch = await mkdtemp(join(tmpdir(), "headrace-bench-"));
  const start = () => startPlatform(scratch, folder);
  try {
    await using browser = await launchBrowser({ HEADRACE_CHROMIUM: process.env["HEADRACE_CHROMIUM"] });
    const bare = await bareFrames(browser);
    const first = await start();
    const empty = await measureFirstPage(browser, first.running.gateway);
    // Rows are loaded while nobody else holds the database: running 10,000 runs would take an hour.
    await first.stop({ keepPods: false });
    await loadRuns(join(scratch, "home"), { clock: systemClock, ids: systemIds });
    const platform = await start();
    try {
      await measureLoaded(browser, platform.running.gateway, { bare, empty });
    } finally {
      await platform.stop({ keepPods: false });
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function startPlatform(scratch: string, dashboard: string): Promise<Platform> {
  return createPlatform({
    dataDirectory: join(scratch, "home"),
    cacheDirectory: join(scratch, "cache"),
    runtimeDirectory: scratch,
    host: "127.0.0.1",
    port: 0,
    kubePort: 0,
    s3Port: 0,
    auth: "local",
    shares: [],
    packaging: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? scratch },
    dashboard,
    log: () => undefined,
  });
}

interface FirstPage {
  readonly paint: number;
  readonly content: number;
  readonly script: number;
}

/** From a cold cache, three times: first paint, the list's words on the screen, and how much script came, zipped. */
async function measureFirstPage(browser: Browser, gateway: string): Promise<FirstPage> {
  const rounds: FirstPage[] = [];
  for (let round = 0; round < 3; round += 1) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    let script = 0;
    page.on("response", (response) => {
      if (!response.url().endsWith(".js")) return;
      response.body().then(
        (body) => (script += gzipSync(body).length),
        () => undefined,
      );
    });
    const begin = performance.now();
    await page.goto(`${gateway}/#/runs`);
    await page.getByRole("heading", { name: /^Runs/ }).waitFor();
    const content = performance.now() - begin;
    await page.waitForLoadState("load");
    const paint = await page.evaluate<number>('performance.getEntriesByName("first-contentful-paint")[0]?.startTime');
    rounds.push({ paint, content, script });
    await context.close();
  }
  const of = (name: keyof FirstPage): number => median(rounds.map((round) => round[name]));
  return { paint: of("paint"), content: of("content"), script: of("script") };
}

async function measureLoaded(
  browser: Browser,
  gateway: string,
  { bare, empty }: { readonly bare: Frames; readonly empty: FirstPage },
): Promise<void> {
  const open = async (path: string, ready: string): Promise<Page> => {
    const page = await newPage(browser);
    await page.goto(`${gateway}/#${path}`);
    await page.locator(ready).first().waitFor();
    // What loads in the background would be measured with what is asked for.
    await page.waitForLoadState("networkidle", { timeout: 20_000 }).catch(() => undefined);
    return page;
  };
  printTable("First page, cold cache", [
    ["first paint", ms(empty.paint), "goal 1,000 ms"],
    ["title on the screen", ms(empty.content)],
    ["script, zipped", `${(empty.script / 1000).toFixed(0)} kB`, "goal 300 kB"],
  ]);

  const list = await open("/runs", "td a.name");
  const switches = await measureSwitches(list);
  printTable(
    "From a click to the page's content, data warm, median",
    switches.map(({ name, times }) => [name, ms(median(times)), "goal 100 ms"]),
  );
  const live = await measureLiveness(list, gateway);
  printTable("From the server's answer to the change on the screen", [
    ["median", ms(median(live)), "goal 200 ms"],
    ["slowest of the sample", ms(percentile(live, 1))],
  ]);

  await list.goto(`${gateway}/#/runs`);
  await list.locator("td a.name").first().waitFor();
  const scrolled = await framesOf(list, "scroll");
  await list.close();
  const graph = await open(`/runs/details/${loaded.graph.id}`, ".graph .node");
  const panned = await framesOf(graph, "pan");
  await graph.locator(".graph").press("f");
  const overview = await framesOf(graph, "pan");
  const zoomed = await framesOf(graph, "zoom");
  await graph.close();
  const table = await open(`/runs/details/${loaded.large.id}?view=table`, 'tr[aria-rowindex="3"]');
  const steps = await framesOf(table, "scroll");
  await table.close();
  const row = (name: string, frames: Frames): readonly [string, string, string] => [
    name,
    `${frames.perSecond.toFixed(0)} frames/s`,
    `${(frames.perSecond / bare.perSecond).toFixed(2)} of a bare page, 95% within ${ms(frames.slow)}, ${ms(frames.work)} of work a frame`,
  ];
  printTable("Smoothness (this browser draws without a GPU: compare with the bare page)", [
    row("bare page, one moving square", bare),
    row("list of 10,000 runs, scrolled", scrolled),
    row("graph of 1,000 nodes, moved", panned),
    row("all of it on the screen, moved", overview),
    row("all of it on the screen, zoomed", zoomed),
    row("table of 5,000 steps, scrolled", steps),
  ]);
}

const ms = (value: number): string => `${value.toFixed(0)} ms`;

interface Switch {
  readonly name: string;
  readonly times: readonly number[];
}

/** Goes round the pages by their links; the first round warms them. */
async function measureSwitches(page: Page): Promise<readonly Switch[]> {
  const stops = [
    { name: "Artifacts", ready: "td a.name" },
    { name: "Pipelines", ready: "h1" },
    { name: "Steps", ready: "td a.name" },
    { name: "Runs", ready: "td a.name" },
  ] as const;
  const times = new Map<string, number[]>(stops.map(({ name }) => [name, []]));
  for (let round = 0; round < 6; round += 1) {
    for (const { name, ready } of stops) {
      const spent = await ask<number>(page, "timeSwitch", { name, ready });
      if (round > 0) times.get(name)?.push(spent);
      await page.waitForTimeout(100);
    }
  }
  return [...times].map(([name, spent]) => ({ name, times: spent }));
}

/** Archives and restores a run through the API while the list is open: how long after the answer the page shows it. */
async function measureLiveness(page: Page, gateway: string): Promise<readonly number[]> {
  const id = loaded.graph.id;
  await page.goto(`${gateway}/#/runs/details/${id}`);
  await page.locator(".graph .node").first().waitFor();
  const times: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    const [verb, shown] = round % 2 === 0 ? ["archive", "Restore"] : ["unarchive", "Archive"];
    const seen = ask<number>(page, "whenOffered", shown);
    const response = await fetch(`${gateway}/apis/v2beta1/runs/${id}:${verb}`, { method: "POST" });
    await response.text();
    const answered = performance.timeOrigin + performance.now();
    times.push(Math.max(0, (await seen) - answered));
  }
  return times;
}

interface Frames {
  readonly perSecond: number;
  /** Milliseconds within which 95 of 100 frames follow the one before. */
  readonly slow: number;
  /** Milliseconds of the page's own thread a frame: what is left of 16 is for drawing. */
  readonly work: number;
}

async function framesOf(page: Page, motion: Motion): Promise<Frames> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0) * 1000;
  };
  const before = await busy();
  const times = await ask<readonly number[]>(page, "frameTimes", { motion, duration: 4000 });
  const work = ((await busy()) - before) / times.length;
  await session.detach();
  const total = times.reduce((sum, time) => sum + time, 0);
  return { perSecond: (times.length * 1000) / total, slow: percentile(times, 0.95), work };
}

async function newPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(inPage);
  return page;
}

/** What this browser can do on this machine at this hour. */
async function bareFrames(browser: Browser): Promise<Frames> {
  const page = await newPage(browser);
  // An init script runs with a navigation only.
  await page.goto("about:blank");
  await page.setContent('<div id="square" style="width:200px;height:200px;background:teal"></div>');
  const frames = await framesOf(page, "square");
  await page.close();
  return frames;
}
