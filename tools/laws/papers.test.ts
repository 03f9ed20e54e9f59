import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const manifests = globSync([
  "packages/*/package.json",
  "components/*/package.json",
  "apps/*/package.json",
  "platform/package.json",
  "package.json",
]);

test("every package has a README with the house's headings", () => {
  const broken = manifests
    .filter((file) => file !== "package.json")
    .map((file) => dirname(file))
    .filter((folder) => {
      const readme = join(folder, "README.md");
      if (!existsSync(readme)) return true;
      const text = readFileSync(readme, "utf8");
      return !["Use", "Layout"].every((heading) => new RegExp(`^#+ .*${heading}`, "m").test(text));
    });
  assert.deepEqual(broken, [], "write what it is, then the headings Use, Layout, and What differs or is missing");
});

test("every design is in the index", () => {
  const index = readFileSync("design/README.md", "utf8");
  const missing = globSync("design/[0-9]*.md").filter((file) => !index.includes(file.replace("design/", "")));
  assert.deepEqual(missing, []);
});

test("every dependency has a line in DEPENDENCIES.md, and every line a dependency", () => {
  const listed = new Set(
    [...readFileSync("DEPENDENCIES.md", "utf8").matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? ""),
  );
  const used = new Set(
    manifests.flatMap((file) => {
      const manifest = JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, string> | undefined>;
      return ["dependencies", "devDependencies", "optionalDependencies"].flatMap((field) =>
        Object.keys(manifest[field] ?? {}),
      );
    }),
  );
  const external = [...used].filter((name) => !name.startsWith("@headrace/") && name !== "headrace");
  assert.deepEqual(
    external.filter((name) => !listed.has(name)),
    [],
    "say which package needs it and why we did not write it",
  );
  assert.deepEqual(
    [...listed].filter((name) => !used.has(name)),
    [],
    "remove the line of what is no longer used",
  );
});

test("dependencies are pinned to one exact version", () => {
  const versions = new Map<string, string>();
  const broken: string[] = [];
  for (const file of manifests) {
    const manifest = JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, string> | undefined>;
    for (const field of ["dependencies", "devDependencies", "optionalDependencies"]) {
      for (const [name, version] of Object.entries(manifest[field] ?? {})) {
        if (!/^\d+\.\d+\.\d+$/.test(version)) broken.push(`${file}: ${name}@${version}`);
        const other = versions.get(name);
        if (other !== undefined && other !== version) broken.push(`${file}: ${name}@${version}, elsewhere ${other}`);
        versions.set(name, version);
      }
    }
  }
  assert.deepEqual(broken, []);
});
