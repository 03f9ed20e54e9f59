import { systemClock } from "@headrace/model";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { diagnose } from "./diagnose.ts";
import { openSandbox } from "./open.ts";

test("a host that can run the launcher is told so, point by point", async () => {
  const findings = await diagnose();
  assert.deepEqual(
    findings.map((finding) => [finding.name, finding.ok]),
    [
      ["python", true],
      ["system", true],
      ["user namespaces", true],
    ],
  );
});

test("a host without Python is told what to install, by diagnosis and when the launcher is needed", async () => {
  const python = "/nowhere/python3";
  const [found] = await diagnose(python);
  assert.equal(found?.ok, false);
  assert.match(found?.remedy ?? "", /Install Python 3\.9 or newer/);
  const directory = await mkdtemp(join(tmpdir(), "headrace-sandbox-"));
  const options = {
    stateDirectory: join(directory, "state"),
    runtimeDirectory: join(directory, "run"),
    python,
    clock: systemClock,
  };
  await assert.rejects(openSandbox(options), { code: "no-launcher", message: /\/nowhere\/python3 cannot be run/ });
  await rm(directory, { recursive: true });
});
