import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { createProgram } from "../../apps/cli/program.ts";
import { testFace } from "../../components/pipelines/testing/platform.ts";
import { anchorsOf, blocksOf, commandLinesOf, isThere, linksOf, readPages, type Page } from "../documents.ts";
import { commandLinePage } from "../reference-pages.ts";
import { commandLinePath, nowhere } from "../reference-sources.ts";
import { isTest, lineOf, readSources } from "./sources.ts";

/** `tools/documents.real.test.ts` runs the blocks of these. */
const pages = readPages();

test("links lead to files and headings that exist", () => {
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => !/^[a-z]+:/.test(link) && !leadsSomewhere(page, link))
      .map((link) => `${page.path}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

function leadsSomewhere(page: Page, link: string): boolean {
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? page.path : normalize(join(dirname(page.path), file));
  if (!isThere(path)) return false;
  const target = pages.find((each) => each.path === path);
  return anchor === undefined || target === undefined || anchorsOf(target).has(anchor);
}

test("every page of docs is reached from the index", () => {
  const index = pages.find(({ path }) => path === "docs/README.md");
  assert.ok(index);
  const listed = new Set(linksOf(index).map((link) => normalize(join("docs", link))));
  const missing = pages.map(({ path }) => path).filter((path) => path.startsWith("docs/") && !listed.has(path));
  assert.deepEqual(missing, ["docs/README.md"], "name the page in docs/README.md");
});

test("commands and flags that pages name exist", () => {
  const program = createProgram(nowhere);
  const broken = pages.flatMap((page) =>
    commandLinesOf(page).flatMap((line) => {
      const fault = faultOf(program, line);
      return fault === undefined ? [] : [`${page.path}: headrace ${line}: ${fault}`];
    }),
  );
  assert.deepEqual(broken, []);
});

test("commands and flags that messages and comments name exist", () => {
  const program = createProgram(nowhere);
  const broken = readSources()
    .filter(({ path }) => !isTest(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/`headrace ([a-z][^`\\]*)/g)].flatMap(({ index, 1: line = "" }) => {
        const fault = faultOf(program, line);
        return fault === undefined ? [] : [`${path}:${lineOf(text, index)}: headrace ${line}: ${fault}`];
      }),
    );
  assert.deepEqual(broken, []);
});

/** Pages may say that a command does not exist yet; then they name it without its program. */
function faultOf(program: ReturnType<typeof createProgram>, line: string): string | undefined {
  const [name = "", ...words] = line.split(/\s+/);
  if (name.startsWith("-")) return ["--help", "--version", "-V", "-h"].includes(name) ? undefined : "no such flag";
  const group = program.commands.find((each) => each.name() === name);
  if (group === undefined) return "no such command";
  const command = group.commands.find((each) => each.name() === words[0]) ?? group;
  const flags = new Set([...command.options, ...program.options].flatMap(({ short, long }) => [short, long]));
  const unknown = words.map((word) => word.split("=")[0]).filter((word) => word?.startsWith("-"));
  return unknown.find((flag) => !flags.has(flag));
}

test("the page of the command line is fresh", () => {
  assert.equal(
    readFileSync(commandLinePath, "utf8"),
    commandLinePage(createProgram(nowhere)),
    "write it again: npm run reference",
  );
});

test("the page of the REST API names every call that is routed, and no other", async () => {
  await using face = await testFace();
  const routed = face.routes
    .filter(({ pattern, refuses }) => !refuses && !pattern.startsWith("/pipeline/apis/"))
    .map(({ method, pattern }) => `${method} ${pattern}`)
    .toSorted();
  const page = readFileSync("docs/reference/rest-v2beta1.md", "utf8");
  const named = [...page.matchAll(/^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)`/gm)].map((match) =>
    (match[1] ?? "").replace(/:[a-z|]+$/, ""),
  );
  assert.deepEqual([...new Set(named)].toSorted(), [...new Set(routed)]);
});

test("blocks that are marked to be run are of a language that can be", () => {
  const broken = pages.flatMap((page) =>
    blocksOf(page)
      .filter(({ mark, language }) => mark.startsWith("run") && language !== "sh")
      .map(({ line }) => `${page.path}:${line}`),
  );
  assert.deepEqual(broken, [], "write Python as a file, and run it from a block of sh");
});
