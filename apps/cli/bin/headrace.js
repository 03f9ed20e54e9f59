#!/usr/bin/env node
// Plain JavaScript that any Node since 20 runs: it finds Node 26, which npm installed beside it, and hands over.
import { spawn } from "node:child_process";
import module, { createRequire } from "node:module";
import { constants, homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const main = new URL("../main.ts", import.meta.url);

if (Number(process.versions.node.split(".")[0]) >= 26) {
  module.enableCompileCache(join(process.env.HEADRACE_CACHE ?? join(homedir(), ".cache", "headrace"), "compile"));
  await import(main.href);
} else {
  handOver(findNode());
}

/** The Node 26 of this platform's npm package, or a message that says what to do. */
function findNode() {
  const require = createRequire(import.meta.url);
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`];
  for (const name of names) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), "bin", "node");
    } catch {
      // Not this one: each platform has one of the two.
    }
  }
  console.error(`Cannot start Headrace: Node 26 for ${process.platform} on ${process.arch} is not installed beside it`);
  console.error(`Why: npm leaves optional packages out under --omit=optional, and has none for some platforms`);
  console.error(`How to fix it: run \`npm ci\` with optional packages, or start Headrace with Node 26 or newer`);
  process.exit(1);
}

function handOver(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}
