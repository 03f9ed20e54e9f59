import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { readPages } from "../documents.ts";

const page = readPages().find(({ path }) => path === "docs/compatibility.md")?.text ?? "";
const rows = page
  .slice(page.indexOf("## Row by row"))
  .split(/^## /m)[1]
  ?.split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (what|-+) +\|/.test(line));
const files = globSync("{packages,components,platform,apps,tools}/**/*.{test.ts,py}", {
  exclude: (path) => path.endsWith("node_modules"),
});

test("each row is held by a test, or says what differs", () => {
  assert.ok(rows && rows.length > 100, "the tables are not where they were");
  const bare = rows.filter((row) => {
    const [, , held = "", here = ""] = row.split("|").map((cell) => cell.trim());
    return held === "" && (here === "" || here === "yes");
  });
  assert.deepEqual(bare, []);
});

test("tests that the tables name are there, with the sentences that the tables quote", () => {
  const quoted = (rows ?? []).flatMap((row) => [...row.matchAll(/`([^`]+\.(?:test\.ts|py))` “([^”]+)”/g)]);
  assert.ok(quoted.length > 150, "the tables quote no tests");
  const broken = quoted.flatMap(([, name = "", sentence = ""]) => {
    const found = files.filter((file) => file === name || file.endsWith(`/${name}`));
    const [file] = found;
    if (file === undefined || found.length > 1) return [`${name}: ${found.length} files end so`];
    return readFileSync(file, "utf8").includes(sentence) ? [] : [`${file}: “${sentence}”`];
  });
  assert.deepEqual(broken, [], "name the test as it is called now, or say in the last column what differs");
});

test("golden pipelines that the tables name pass", () => {
  const named = (rows ?? []).flatMap((row) => [...row.matchAll(/golden `([^`]+)`/g)].map(([, name = ""]) => name));
  const passed = new Set([...page.matchAll(/^\| (\S+) +\| pass +\|/gm)].map(([, name]) => name));
  assert.deepEqual(
    named.filter((name) => !passed.has(name)),
    [],
  );
});
