#!/usr/bin/env node
// Plain JavaScript that any Node since 20 runs: it finds Node 26, which npm installed beside it, and hands over.
import { spawn } from "node:child_process";
import module from "node:module";
import { constants, homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import v8 from "node:v8";
import { explainStatus, findNode, isNewEnough } from "./find-node.js";

if (isNewEnough) {
  // What strips types at a first start is WebAssembly. V8 was seen to end the process while it optimised such code in the background
  // (`Check failed: it->second.Size() > offset`), and for a second's work it need not.
  for (const flag of ["--no-wasm-dynamic-tiering", "--no-wasm-tier-up"]) v8.setFlagsFromString(flag);
  const cache = process.env.HEADRACE_CACHE || join(homedir(), ".cache", "headrace");
  module.enableCompileCache(join(cache, "compile"));
  await import(new URL("../main.ts", import.meta.url).href);
} else {
  const child = spawn(findNode(), [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  // Ctrl-C on a terminal reaches the child by itself: told of it again, it would take it for a second one.
  const isOnTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  process.on("SIGINT", () => isOnTerminal || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    explainStatus(code);
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}
