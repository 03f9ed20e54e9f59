// Plain JavaScript that any Node since 20 runs.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const oldestNode = 26;

/** Whether the Node that runs this can run Headrace itself. */
export const isNewEnough = Number(process.versions.node.split(".")[0]) >= oldestNode;

/** The Node 26 that npm installed for this platform; ends the process with a message if there is none. */
export function findNode() {
  if (isNewEnough) return process.execPath;
  const require = createRequire(import.meta.url);
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  for (const name of names) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), "bin", "node");
    } catch {
      // Not this one: each platform has one of the two.
    }
  }
  console.error(`Cannot start: Node ${oldestNode} for ${process.platform} on ${process.arch} is not installed`);
  console.error("Why: npm leaves optional packages out under --omit=optional, and has none for some platforms");
  console.error(`How to fix it: run \`npm ci\` with optional packages, or use Node ${oldestNode} or newer`);
  process.exit(1);
}

/** Says what is missing if a status is the system's own, because that Node could not even be loaded. */
export function explainStatus(status) {
  const unloadable = 127;
  if (status !== unloadable || isNewEnough) return;
  const probe = spawnSync(findNode(), ["--version"], { encoding: "utf8" });
  if (probe.status !== unloadable) return;
  const [, library] = /(lib[\w+-]+)\.so/.exec(probe.stderr) ?? [];
  console.error(`Cannot start Node ${oldestNode}: this system lacks a library that it needs`);
  console.error(`How to fix it: install ${library ?? "the library"} (apt install libatomic1, dnf install libatomic)`);
}
