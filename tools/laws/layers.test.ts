import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { isTest, readSources, resolveRelative, workspaceOf, type Source } from "./sources.ts";

/** As ARCHITECTURE.md has them. What flows upwards is handed in by `platform`. */
const layers: Readonly<Record<string, number>> = {
  "packages/model": 0,
  "packages/sqlite": 0,
  "packages/k8s": 1,
  "packages/client": 1,
  "packages/store": 1,
  "packages/records": 1,
  "packages/artifacts": 1,
  "packages/sandbox": 1,
  "packages/rpc": 1,
  "packages/ui-kit": 1,
  "packages/apiserver": 2,
  "packages/runtime": 2,
  "packages/environments": 2,
  "packages/identity": 3,
  "packages/kubelet": 3,
  "packages/gateway": 3,
  "components/workloads": 4,
  "components/pipelines": 4,
  "components/metadata": 4,
  "components/storage": 4,
  platform: 5,
  "apps/cli": 6,
  "apps/dashboard": 6,
};

/** A package may import another of its own layer only where this says so, with the reason. */
const sameLayer: Readonly<Record<string, readonly string[]>> = {
  // The page components show live lists, so they need the client; the client knows nothing of them.
  "packages/ui-kit": ["packages/client"],
};

const portable = new Set(["packages/model", "packages/k8s", "packages/client"]);
const portableFolders = /^components\/[^/]+\/(resources|ui)\//;

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string>>;
}

const manifests = new Map<string, { folder: string; doors: ReadonlySet<string> }>();
for (const file of globSync([
  "packages/*/package.json",
  "components/*/package.json",
  "apps/*/package.json",
  "platform/package.json",
])) {
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  const doors = Object.keys(manifest.exports ?? {}).map((door) =>
    door === "." ? manifest.name : `${manifest.name}${door.slice(1)}`,
  );
  manifests.set(manifest.name, { folder: file.replace("/package.json", ""), doors: new Set(doors) });
}

function packageOf(specifier: string): string | undefined {
  return [...manifests.keys()].find((name) => specifier === name || specifier.startsWith(`${name}/`));
}

const sources = readSources();
const inWorkspace = (source: Source): boolean => layers[workspaceOf(source.path)] !== undefined;

test("every workspace has a layer, and the map shows it there", () => {
  const folders = [...manifests.values()].map(({ folder }) => folder);
  assert.deepEqual(
    Object.keys(layers).toSorted(),
    folders.toSorted(),
    "have each folder in the table in tools/laws/layers.test.ts, at the lowest layer that works",
  );
  const map = readFileSync("ARCHITECTURE.md", "utf8").split("\n");
  const lost = folders.filter((folder) => {
    const row = map.find((line) => line.startsWith(`| L${layers[folder]} `)) ?? "";
    return !row.includes(`\`${folder}\``) && !row.includes(`\`${folder.split("/")[1]}\``);
  });
  assert.deepEqual(lost, [], "name the folder in the table of layers in ARCHITECTURE.md");
});

test("packages are imported through their doors", () => {
  const broken = sources.flatMap((source) =>
    source.imports.flatMap(({ specifier }) => {
      const name = packageOf(specifier);
      if (name !== undefined && !manifests.get(name)?.doors.has(specifier))
        return [`${source.path}: ${specifier} is not a door of ${name}`];
      if (specifier.startsWith(".") && inWorkspace(source)) {
        const target = workspaceOf(resolveRelative(source.path, specifier));
        if (target !== workspaceOf(source.path))
          return [`${source.path}: ${specifier} reaches into ${target}; import its door instead`];
      }
      return [];
    }),
  );
  assert.deepEqual(broken, []);
});

test("imports lead to lower layers only", () => {
  const broken = sources
    .filter((source) => inWorkspace(source) && !isTest(source.path))
    .flatMap((source) => {
      const from = workspaceOf(source.path);
      return source.imports.flatMap(({ specifier }) => {
        const name = packageOf(specifier);
        const to = name === undefined ? undefined : manifests.get(name)?.folder;
        if (to === undefined || to === from) return [];
        if (from.startsWith("components/") && to.startsWith("components/")) {
          return specifier.endsWith("/resources")
            ? []
            : [`${source.path}: components meet in the API; import only the resources of ${to}`];
        }
        const allowed = (layers[to] ?? 9) < (layers[from] ?? 0) || sameLayer[from]?.includes(to) === true;
        return allowed
          ? []
          : [
              `${source.path}: ${from} (L${layers[from]}) may not import ${to} (L${layers[to]}); let platform hand it in`,
            ];
      });
    });
  assert.deepEqual(broken, []);
});

test("a component's pages never import its controllers, API or records", () => {
  const broken = sources
    .filter((source) => /^components\/[^/]+\/ui\//.test(source.path))
    .flatMap((source) =>
      source.imports
        .filter(({ specifier }) => /\/(controllers|api|records)\//.test(specifier))
        .map(({ specifier }) => `${source.path}: ${specifier}`),
    );
  assert.deepEqual(broken, []);
});

test("portable packages import nothing of node", () => {
  const broken = sources
    .filter(
      (source) =>
        (portable.has(workspaceOf(source.path)) || portableFolders.test(source.path)) &&
        !/\.test\.tsx?$/.test(source.path),
    )
    .flatMap((source) =>
      source.imports
        .filter(({ specifier }) => specifier.startsWith("node:"))
        .map(({ specifier }) => `${source.path}: ${specifier}`),
    );
  assert.deepEqual(broken, [], "these run in a browser too: take what you need as an argument");
});

test("there are no import cycles between files", () => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const edges = new Map<string, readonly string[]>();
  for (const source of sources) {
    const targets = source.imports
      .filter(({ specifier, typeOnly }) => !typeOnly && specifier.startsWith("."))
      .map(({ specifier }) => resolveRelative(source.path, specifier))
      .filter((path) => byPath.has(path));
    edges.set(source.path, targets);
  }
  assert.deepEqual(findCycles(edges), [], "move what both need into a third file");
});

/** Depth-first search; each cycle once, as the list of its files. */
function findCycles(edges: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const state = new Map<string, "open" | "done">();
  const stack: string[] = [];
  const cycles: string[] = [];
  const visit = (node: string): void => {
    state.set(node, "open");
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (state.get(next) === "open") cycles.push([...stack.slice(stack.indexOf(next)), next].join(" → "));
      else if (!state.has(next)) visit(next);
    }
    stack.pop();
    state.set(node, "done");
  };
  for (const node of edges.keys()) if (!state.has(node)) visit(node);
  return cycles;
}
