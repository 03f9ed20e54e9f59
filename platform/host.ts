import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@headrace/model";
import { openSandbox, type Capabilities } from "@headrace/sandbox";

/** What this host can do for steps: opens a sandbox of its own beside any that runs, asks it, and takes it away again. */
export async function inspectHost(options: { readonly runtimeDirectory: string }): Promise<Capabilities> {
  const directory = await mkdtemp(join(options.runtimeDirectory, "headrace-doctor-"));
  try {
    const sandbox = await openSandbox({
      stateDirectory: join(directory, "state"),
      runtimeDirectory: join(directory, "run"),
      clock: systemClock,
    });
    const { capabilities } = sandbox;
    await sandbox.shutdown();
    return capabilities;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
