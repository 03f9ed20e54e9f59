import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Node } from "@headrace/k8s";
import { cacheDirectory, packaging, startFresh } from "./testing/fresh.ts";

const bin = fileURLToPath(new URL("../apps/cli/bin/headrace.js", import.meta.url));
const pipeline = fileURLToPath(new URL("../apps/cli/testing/greetings.py", import.meta.url));

test("without a sandbox lightweight Python runs all the same, and the node says what is missing", async () => {
  await using fresh = await startFresh({ sandboxed: false });
  const { dataDir } = fresh.platform.running;
  const words = ["run", pipeline, "-p", "name=plain", "--output", "json"];
  const { stdout } = await promisify(execFile)(process.execPath, [bin, ...words], {
    env: { ...packaging, HEADRACE_HOME: dataDir, HEADRACE_CACHE: cacheDirectory },
  });
  const { state, outputs } = JSON.parse(stdout);
  assert.deepEqual([state, outputs], ["SUCCEEDED", { Output: "hello plain" }]);
  const { items } = await fresh.platform.client.resource(Node).list();
  assert.match(JSON.stringify(items[0]?.status), /plain processes of yours/);
});
