import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runLabel, tasks } from "@headrace/pipelines/resources";
import { cacheDirectory, packaging } from "./testing/fresh.ts";
import { sharedPlatform } from "./testing/shared.ts";

const bin = fileURLToPath(new URL("../apps/cli/bin/headrace.js", import.meta.url));
const example = fileURLToPath(new URL("../examples/digits/pipeline.py", import.meta.url));

interface Said {
  readonly run: string;
  readonly state: string;
  readonly outputs: { readonly accuracy?: number; readonly algorithm?: string };
  readonly url: string;
}

describe("the digits example", () => {
  async function headraceRun(): Promise<Said> {
    const { platform } = await sharedPlatform();
    const { stdout } = await promisify(execFile)(process.execPath, [bin, "run", example, "--output", "json"], {
      env: { ...packaging, HEADRACE_HOME: platform.running.dataDir, HEADRACE_CACHE: cacheDirectory },
    });
    return JSON.parse(stdout) as Said;
  }

  async function stepsOf(run: string): Promise<Readonly<Record<string, number>>> {
    const { platform } = await sharedPlatform();
    const { items } = await platform.client.resource(tasks).list({ labelSelector: `${runLabel}=${run}` });
    const steps = items.filter(({ spec }) => spec.type === "RUNTIME");
    return Object.fromEntries(
      [...Map.groupBy(steps, ({ status }) => status.state)].map(([state, all]) => [state, all.length]),
    );
  }

  test("ends with a good model and its page, and the second time comes from cache", async () => {
    const first = await headraceRun();
    assert.equal(first.state, "SUCCEEDED");
    assert.ok((first.outputs.accuracy ?? 0) >= 0.95);
    assert.match(first.url, new RegExp(`/#/runs/details/${first.run}$`));
    assert.deepEqual(await stepsOf(first.run), { SUCCEEDED: 13 });
    const second = await headraceRun();
    assert.deepEqual(second.outputs, first.outputs);
    assert.deepEqual(await stepsOf(second.run), { CACHED: 13 });
  });
});
