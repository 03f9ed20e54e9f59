import { systemClock } from "@headrace/model";
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
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

test("a host that refuses user namespaces, though no setting of it says so, is told what must allow them", async () => {
  const directory = await mkdtemp(join(tmpdir(), "headrace-sandbox-"));
  const confined = join(directory, "python3");
  const nothing = "echo 0 > /proc/sys/user/max_user_namespaces";
  const script = `#!/bin/sh\nexec unshare --user --map-root-user sh -c '${nothing}; exec /usr/bin/python3 "$@"' sh "$@"\n`;
  await writeFile(confined, script, { mode: 0o755 });
  const finding = (await diagnose(confined)).find(({ name }) => name === "user namespaces");
  assert.equal(finding?.ok, false);
  assert.equal(finding?.detail, "The host refuses user namespaces (unshare says ENOSPC)");
  assert.match(finding?.remedy ?? "", /^Let what confines this user .* allow them$/);
  await rm(directory, { recursive: true });
});
