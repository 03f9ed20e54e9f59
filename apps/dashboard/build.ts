import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DashboardError } from "./errors.ts";

export interface BuiltDashboard {
  /** Absolute path of the folder with `index.html`. */
  readonly folder: string;
  /** False if what was there was fresh. */
  readonly built: boolean;
}

const here = import.meta.dirname;
const root = join(here, "../..");
const folder = join(here, "dist");
const stamp = join(folder, "sources.sha256");

/** Everything that the built files depend on, relative to the repository's root. */
const sources = [
  "apps/dashboard/{index.html,vite.config.ts,package.json}",
  "apps/dashboard/src/**/*.{ts,tsx,css}",
  "packages/{ui-kit,client,model}/**/*.{ts,tsx,css}",
  "components/*/{ui,resources}/**/*.{ts,tsx,css}",
  "package-lock.json",
];

/**
 * Builds the pages into `dist/` unless the ones there were made from the same sources. An installed package has no sources:
 * there the built pages are used as they are. Builds beside and then renames, so that a server never sees half of it.
 */
export async function buildDashboard(options: { readonly force?: boolean } = {}): Promise<BuiltDashboard> {
  const hasSources = existsSync(join(here, "src"));
  if (!hasSources) return installed();
  const hash = await hashSources();
  if (options.force !== true && (await readStamp()) === hash) return { folder, built: false };
  const { build } = await loadVite();
  const fresh = join(here, `dist-${hash.slice(0, 12)}-${process.pid}`);
  try {
    await build({
      configFile: join(here, "vite.config.ts"),
      logLevel: "error",
      build: { outDir: fresh, emptyOutDir: true },
    });
    await writeFile(join(fresh, "sources.sha256"), hash);
    await rm(folder, { recursive: true, force: true });
    await mkdir(here, { recursive: true });
    // Two Headraces of one checkout may build at once: the other's files are as good, as long as they are of the same sources.
    await rename(fresh, folder).catch(async (error: unknown) => {
      if ((await readStamp()) !== hash) throw error;
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return { folder, built: true };
}

function installed(): BuiltDashboard {
  if (existsSync(join(folder, "index.html"))) return { folder, built: false };
  throw new DashboardError(
    "dashboard/not-built",
    `Cannot find the dashboard's pages in ${folder}: this installation lacks them`,
    "Install Headrace again.",
  );
}

async function loadVite(): Promise<typeof import("vite")> {
  try {
    return await import("vite");
  } catch (cause) {
    throw new DashboardError(
      "dashboard/not-built",
      "Cannot build the dashboard: its bundler is not installed",
      "Run `npm ci` with development dependencies, then start again.",
      { cause },
    );
  }
}

/** Of names and contents, in the order of names; tests change nothing that a page shows. */
export async function hashSources(): Promise<string> {
  const files = new Set<string>();
  for (const pattern of sources) {
    for await (const file of glob(pattern, { cwd: root, exclude: ["**/node_modules/**", "**/*.test.ts"] }))
      files.add(file);
  }
  const hash = createHash("sha256");
  for (const file of [...files].sort()) {
    hash
      .update(`${file}\0`)
      .update(await readFile(join(root, file)))
      .update("\0");
  }
  return hash.digest("hex");
}

async function readStamp(): Promise<string | undefined> {
  return existsSync(stamp) ? await readFile(stamp, "utf8") : undefined;
}
