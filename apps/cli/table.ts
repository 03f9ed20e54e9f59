import type { Terminal } from "./terminal.ts";

export interface Column<T> {
  readonly title: string;
  value(item: T): string | number | undefined;
  /** Shown with `--output wide` alone. */
  readonly wide?: boolean;
}

/** Prints things as `--output` asks: a table, with more columns (`wide`), names alone (`name`), or all of them as JSON or YAML. */
export function printItems<T>(
  items: readonly T[],
  { columns, idOf, kind }: { columns: readonly Column<T>[]; idOf: (item: T) => string; kind: string },
  terminal: Terminal,
): void {
  if (terminal.format === "json" || terminal.format === "yaml") return terminal.value(items);
  if (terminal.format === "name") {
    for (const item of items) terminal.print(`${kind}/${idOf(item)}`);
    return;
  }
  if (items.length === 0) return terminal.note(`There are no ${kind}s`);
  const shown = columns.filter(({ wide }) => !wide || terminal.format === "wide");
  const rows = [
    shown.map(({ title }) => title),
    ...items.map((item) => shown.map((column) => cell(column.value(item)))),
  ];
  const widths = shown.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  for (const [number, row] of rows.entries()) {
    const line = row.map((text, at) => (at === row.length - 1 ? text : text.padEnd(widths[at] ?? 0))).join("   ");
    terminal.print(number === 0 ? terminal.paint("faint", line) : line);
  }
}

/** One line without what would move the cursor. */
function cell(value: string | number | undefined): string {
  const text = value === undefined || value === "" ? "-" : String(value);
  // oxlint-disable-next-line no-control-regex -- names are strangers' text, and go to a terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
