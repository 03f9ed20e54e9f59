import { inspectHost } from "@headrace/platform";
import type { Surroundings } from "../environment.ts";
import type { Terminal } from "../terminal.ts";

/** What this machine can and cannot do, with the remedies. Exit status 1 if something that Headrace needs is missing. */
export async function doctor(surroundings: Surroundings, terminal: Terminal): Promise<number> {
  const { mode, cgroups, findings } = await inspectHost({ runtimeDirectory: surroundings.runtime });
  if (terminal.json) {
    terminal.print(JSON.stringify({ mode, cgroups, findings }));
  } else {
    terminal.print(
      `Steps run ${mode === "process" ? "as plain processes" : `in sandboxes (${mode}, cgroups: ${cgroups})`}`,
    );
    for (const { name, ok, detail, remedy } of findings) {
      terminal.print(`  ${ok ? terminal.paint("green", "✔") : terminal.paint("yellow", "!")} ${name}: ${detail}`);
      if (!ok && remedy !== undefined) terminal.print(`      How to fix it: ${remedy}`);
    }
  }
  return mode === "process" ? 1 : 0;
}
