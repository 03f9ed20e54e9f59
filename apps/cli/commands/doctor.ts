import { inspectHost } from "@headrace/platform";
import type { Surroundings } from "../environment.ts";
import type { Terminal } from "../terminal.ts";

type Line = Awaited<ReturnType<typeof inspectHost>>["findings"][number];

/**
 * What this machine can and cannot do, with the remedies; with `--self-test` also whether its containers keep steps in. Exit
 * status 1 if something that Headrace needs is missing, or a line of the self-test fails.
 */
export async function doctor(
  flags: { readonly selfTest: boolean },
  surroundings: Surroundings,
  terminal: Terminal,
): Promise<number> {
  const report = await inspectHost({
    dataDirectory: surroundings.home,
    cacheDirectory: surroundings.cache,
    runtimeDirectory: surroundings.runtime,
    packaging: surroundings.packaging,
    selfTest: flags.selfTest,
  });
  const { mode, cgroups, findings, selfTest = [] } = report;
  const failed = selfTest.filter(({ ok }) => !ok);
  if (terminal.json) {
    terminal.value({ mode, cgroups, findings, ...(flags.selfTest && { selfTest }) });
  } else {
    terminal.print(
      mode === "process"
        ? "Steps have no sandbox here: lightweight Python runs as plain processes of yours, and nothing else does"
        : `Steps run in sandboxes (${mode}, cgroups: ${cgroups})`,
    );
    printLines(findings, { good: "✔", bad: "!" }, terminal);
    if (flags.selfTest) {
      terminal.print("\nSelf-test: what a step tried, and what it got");
      printLines(selfTest, { good: "ok    ", bad: "failed" }, terminal);
      terminal.print(
        failed.length === 0 ? `All ${selfTest.length} hold` : `${failed.length} of ${selfTest.length} fail`,
      );
    }
  }
  return mode === "process" || failed.length > 0 ? 1 : 0;
}

function printLines(lines: readonly Line[], marks: { good: string; bad: string }, terminal: Terminal): void {
  for (const { name, ok, detail, remedy } of lines) {
    const mark = ok ? terminal.paint("green", marks.good) : terminal.paint("yellow", marks.bad);
    terminal.print(`  ${mark} ${name}: ${detail}`);
    if (!ok && remedy !== undefined) terminal.print(`      How to fix it: ${remedy}`);
  }
}
