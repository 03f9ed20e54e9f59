import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { isTest, lineOf, readSources } from "./sources.ts";

/** Names that name nothing. */
const bannedWords = /\b(utils?|helpers?|common|misc|manager|impl|base)\b/i;
const bannedVersions = /[a-z](V1|V2)\b/;

/** The files that may touch time, chance and the environment: the system's clock, and what the command line reads once. */
const worldly = new Set(["packages/model/system.ts", "apps/cli/environment.ts", "tools/test.ts", "tools/reporter.ts"]);

const ambient: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\bDate\.now\(/g, instead: "take a Clock" },
  { pattern: /\bnew Date\(\)/g, instead: "take a Clock" },
  { pattern: /\bMath\.random\(/g, instead: "take Ids" },
  { pattern: /(?<![.\w])(setTimeout|setInterval)\(/g, instead: "use Clock.after" },
  { pattern: /\bprocess\.env\b/g, instead: "take what you need as an option; apps/cli/environment.ts reads it" },
];

const bannedSyntax: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  { pattern: /^\s*(export\s+)?(const\s+)?enum\s/gm, why: "enum does not erase: use a const object or a union" },
  { pattern: /^\s*(export\s+)?namespace\s/gm, why: "namespace does not erase: use a module" },
  { pattern: /^export default\b/gm, why: "default exports have no name to search for" },
  { pattern: /\bthrow new Error\(/g, why: "throw one of the package's errors, so that callers can tell" },
];

/** Browser code has its own timers and no injected clock; command-line scripts under bench and conformance measure real time. */
const browserOrScript = /^(packages\/ui-kit|apps\/dashboard|components\/[^/]+\/ui|bench|conformance|examples|tools)\//;

// This file spells out what it bans.
const sources = readSources().filter(({ path }) => path !== "tools/laws/words.test.ts");

test("files are named after what they hold", () => {
  const broken = sources
    .map(({ path }) => path)
    .filter((path) =>
      bannedWords.test(
        basename(path)
          .replace(/\.(test\.)?tsx?$/, "")
          .replaceAll("-", " "),
      ),
    );
  assert.deepEqual(broken, [], "name the file after the main thing it exports");
});

test("versions are not part of names", () => {
  const broken = sources
    .filter(({ text }) => /\b(class|function|interface|type)\s+\w+/.test(text))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\b(?:class|function|interface|type)\s+(\w+)/g)]
        .filter(([, name]) => bannedVersions.test(name ?? ""))
        .map(([, name]) => `${path}: ${name}`),
    );
  assert.deepEqual(broken, []);
});

test("syntax is erasable and errors are of the house", () => {
  const broken = sources
    .filter(({ path }) => !isTest(path))
    .flatMap(({ path, text }) =>
      bannedSyntax.flatMap(({ pattern, why }) =>
        [...text.matchAll(pattern)]
          .filter(({ index }) => !exempt(text, index))
          .map(({ index }) => `${path}:${lineOf(text, index)}: ${why}`),
      ),
    );
  assert.deepEqual(broken, []);
});

test("time, chance and the environment are touched in their own files only", () => {
  const broken = sources
    .filter(({ path }) => !isTest(path) && !worldly.has(path) && !browserOrScript.test(path))
    .flatMap(({ path, text }) =>
      ambient.flatMap(({ pattern, instead }) =>
        [...text.matchAll(pattern)].map(
          ({ index, 0: found }) => `${path}:${lineOf(text, index)}: ${found.trim()}… ${instead}`,
        ),
      ),
    );
  assert.deepEqual(broken, []);
});

test("a disabled lint rule gives its reason", () => {
  const broken = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/oxlint-disable[^\n]*/g)]
      .filter(({ 0: line }) => !/--\s*\S+/.test(line))
      .map(({ index }) => `${path}:${lineOf(text, index)}`),
  );
  assert.deepEqual(broken, [], "write `oxlint-disable-next-line rule -- reason`");
});

/** The line before says that a rule is disabled here, with its reason. */
function exempt(text: string, index: number): boolean {
  const before = text.slice(0, index).split("\n").at(-2) ?? "";
  return /oxlint-disable-next-line/.test(before);
}
