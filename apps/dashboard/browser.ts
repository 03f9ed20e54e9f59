import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";
import { DashboardError } from "./errors.ts";

/** Where Chromium and its kin are installed on Debian, Fedora, Arch, snap and macOS. */
const places = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

export interface BrowserEnvironment {
  /** Names the executable outright. */
  readonly HEADRACE_CHROMIUM?: string | undefined;
}

/** Path of a Chromium; undefined if there is none, for tests that say so and skip. */
export function findChromium(env: BrowserEnvironment): string | undefined {
  return env.HEADRACE_CHROMIUM ?? places.find((place) => existsSync(place));
}

/** A headless browser to close when done. Throws DashboardError `dashboard/no-browser` with the remedy if none is installed. */
export async function launchBrowser(env: BrowserEnvironment): Promise<Browser> {
  const executablePath = findChromium(env);
  if (executablePath === undefined || !existsSync(executablePath)) {
    throw new DashboardError(
      "dashboard/no-browser",
      executablePath === undefined
        ? "Cannot open a browser: no Chromium was found"
        : `Cannot open a browser: there is no ${executablePath}`,
      "Install one (`apt-get install chromium`), or name its executable in HEADRACE_CHROMIUM.",
    );
  }
  // Root may not use Chromium's own sandbox; the pages that tests open are ours.
  return await chromium.launch({
    executablePath,
    timeout: patienceMs,
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}

/** What a crowded machine may take for what takes a moment here. */
const patienceMs = 120_000;

export interface PageOptions {
  readonly theme?: "light" | "dark";
  readonly language?: "en" | "zh";
  readonly width?: number;
  readonly height?: number;
}

export interface WatchedPage {
  readonly page: Page;
  /** Errors that the page threw or logged so far; a test expects none. */
  readonly errors: readonly string[];
}

/** A page of the dashboard. `path` is what stands after the `#`: `/runs`. */
export async function openPage(
  browser: Browser,
  gateway: string,
  path: string,
  options: PageOptions = {},
): Promise<WatchedPage> {
  const { theme = "light", language = "en", width = 1280, height = 800 } = options;
  const page = await browser.newPage({
    viewport: { width, height },
    locale: language === "zh" ? "zh-CN" : "en-GB",
    colorScheme: theme,
    reducedMotion: "reduce",
  });
  const errors: string[] = [];
  page.setDefaultTimeout(patienceMs);
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(`${message.text()} (${message.location().url})`);
  });
  await page.goto(`${gateway}/#${path}`);
  return { page, errors };
}
