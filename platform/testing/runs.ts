import assert from "node:assert/strict";
import { type Run, runs } from "@headrace/pipelines/resources";
import type { Platform } from "../platform.ts";

/** What a crowded machine may take for what takes a moment here. */
const patienceMs = 120_000;

/** The run of namespace `kubeflow` once it is in one of the states. */
export async function runOnceIn({ client }: Platform, name: string, ...states: readonly string[]): Promise<Run> {
  const signal = AbortSignal.timeout(patienceMs);
  for await (const { object: run } of client.resource(runs).watch({ namespace: "kubeflow", signal })) {
    if (run.metadata.name === name && states.includes(run.status.state)) return run;
  }
  return assert.fail(`Run ${name} did not come to be ${states.join(" or ")}`);
}

/** The run once it is over; it must have succeeded. */
export async function succeeded(platform: Platform, name: string): Promise<void> {
  const { status } = await runOnceIn(platform, name, "SUCCEEDED", "FAILED");
  assert.equal(status.state, "SUCCEEDED", status.error ?? "");
}
