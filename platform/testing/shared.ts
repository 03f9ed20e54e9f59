import { after } from "node:test";
import { startFresh, type Fresh } from "./fresh.ts";

let started: Promise<Fresh> | undefined;

/**
 * The one real Headrace of this test process, started when first asked for and stopped after the last test. Tests that share it
 * keep to names of their own, and leave no cluster-wide state behind.
 */
export function sharedPlatform(): Promise<Fresh> {
  started ??= startFresh();
  return started;
}

// At the root, so that it waits for every file of the process; within a test it would belong to that test.
after(async () => {
  const fresh = await started?.catch(() => undefined);
  await fresh?.[Symbol.asyncDispose]();
  for (const complaint of fresh?.complaints ?? []) process.stderr.write(`The shared platform: ${complaint}\n`);
});
