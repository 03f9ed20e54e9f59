// `node tools/with-node.js COMMAND…`: runs a command with the pinned Node first in PATH. Any Node since 20 runs this; not every npm
// links the pinned one into node_modules/.bin.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { delimiter, dirname, resolve } from "node:path";
import { explainStatus, findNode } from "../apps/cli/bin/find-node.js";

const [command, ...args] = process.argv.slice(2);
const path = [dirname(findNode()), resolve("node_modules/.bin"), process.env.PATH].join(delimiter);
const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, PATH: path } });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`Cannot run ${command}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  explainStatus(code);
  process.exit(signal === null ? code : 128 + constants.signals[signal]);
});
