import Papa from "papaparse";
import type { RowSource } from "./row-source.ts";

/** A table from text with delimiters; the first line names the columns. `cut` says that the text is the beginning of a longer one. */
export function csvRows(text: string, cut: boolean): RowSource {
  const { data } = Papa.parse<string[]>(text, { skipEmptyLines: true });
  // The last line of a beginning is half a line.
  const lines = cut ? data.slice(0, -1) : data;
  const [columns = [], ...rows] = lines;
  return { columns, count: rows.length, cut, rows: async (start, end) => rows.slice(start, end) };
}
