import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** A source file of the house with the module specifiers it names. Paths are relative to the repository, with slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g;

/** Every TypeScript file below the workspaces, tests included. */
export function readSources(): readonly Source[] {
  const pattern = "{packages,components,platform,apps,tools,bench,conformance,examples}/**/*.{ts,tsx}";
  return globSync(pattern, { exclude: (path) => path.endsWith("node_modules") || path.endsWith("dist") })
    .sort()
    .map((path) => {
      const text = readFileSync(path, "utf8");
      return { path, text, imports: importsOf(text) };
    });
}

function importsOf(text: string): readonly Import[] {
  return [...text.matchAll(importPattern)].map((match) => ({
    specifier: match[2] ?? match[3] ?? "",
    typeOnly: match[1] !== undefined,
  }));
}

export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || /(^|\/)testing\//.test(path);
}

/** Where a relative import leads, relative to the repository. */
export function resolveRelative(from: string, specifier: string): string {
  return normalize(join(dirname(from), specifier));
}

/** The workspace folder that a file belongs to: `packages/model`, `components/pipelines`, `platform`, … */
export function workspaceOf(path: string): string {
  const parts = path.split("/");
  return parts[0] === "packages" || parts[0] === "components" || parts[0] === "apps"
    ? parts.slice(0, 2).join("/")
    : (parts[0] ?? "");
}

/** The line of a match, for messages that an editor can follow. */
export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
