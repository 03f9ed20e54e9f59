import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";

interface Timed {
  readonly name: string;
  readonly file: string;
  readonly ms: number;
}

/** Prints failures as they come, skips with their reasons, the ten slowest tests, and one closing line that machines read. */
async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const timed: Timed[] = [];
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for await (const event of source) {
    if (event.type === "test:stdout" || event.type === "test:stderr") yield event.data.message;
    if (event.type === "test:diagnostic" && event.data.level === "error") yield `${event.data.message}\n`;
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { name, details, skip, file } = event.data;
    if (details.type === "suite") continue;
    const where = file === undefined ? "" : relative(process.cwd(), file);
    if (skip !== undefined && skip !== false) {
      skipped += 1;
      yield `- skipped: ${name} (${where}): ${skip === true ? "no reason given" : skip}\n`;
    } else if (event.type === "test:fail") {
      failed += 1;
      yield `✖ ${name} (${where})\n${indent(failureOf("error" in details ? details.error : undefined))}\n`;
    } else {
      passed += 1;
      timed.push({ name, file: where, ms: details.duration_ms });
    }
  }
  yield "\nTen slowest:\n";
  for (const test of timed.toSorted((a, b) => b.ms - a.ms).slice(0, 10)) {
    yield `  ${test.ms.toFixed(0).padStart(6)} ms  ${test.name} (${test.file})\n`;
  }
  yield `\n${passed} passed, ${failed} failed, ${skipped} skipped\n`;
}

function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause.stack ?? cause.message;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

// node --test loads a reporter by its default export.
// oxlint-disable-next-line import/no-default-export -- node's contract for reporters
export default report;
