import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { pythonWith } from "@headrace/platform/testing";
import { serveGreeter } from "./testing/greeter.ts";

test("stock grpcio learns of a service by reflection, and calls it", async () => {
  const python = await pythonWith("grpcio==1.85.3", "grpcio-health-checking==1.85.1", "grpcio-reflection==1.85.1");
  await using server = await serveGreeter();
  const script = join(import.meta.dirname, "testing", "grpcio_client.py");
  const { stdout } = await promisify(execFile)(python, ["-W", "ignore", script, `127.0.0.1:${server.port}`]);
  assert.deepEqual(
    stdout.trim().split("\n"),
    ["health", "reflection", "echo", "metadata", "failures", "deadline", "many at once"].map(
      (each) => `passed ${each}`,
    ),
  );
});
