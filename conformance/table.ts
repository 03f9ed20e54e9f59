import { readFile, writeFile } from "node:fs/promises";
import { markdownTable } from "../tools/markdown-table.ts";

export interface Row {
  readonly name: string;
  readonly outcome: "pass" | "miss" | "skip";
  readonly note: string;
  /** How many cases the row stands for, 1 unless it says so. */
  readonly cases?: number;
}

/** What `writeTable` wrote there; empty if it never did. */
export async function readTable(page: string, name: string): Promise<readonly Row[]> {
  const text = await readFile(page, "utf8");
  const [, table = ""] = new RegExp(`<!-- begin: ${name} -->([\\s\\S]*?)<!-- end: ${name} -->`).exec(text) ?? [];
  return [...table.matchAll(/^\| (.*?) +\| (pass|miss|skip) +\| (.*?) *\|$/gm)].map(
    ([, row = "", outcome = "", note = ""]) => ({
      name: row.replaceAll("\\|", "|"),
      outcome: outcome === "pass" || outcome === "miss" ? outcome : "skip",
      note: note.replaceAll("\\|", "|"),
    }),
  );
}

/** Replaces the part of a page between `<!-- begin: NAME -->` and `<!-- end: NAME -->` by a pass table, made by `command`. */
export async function writeTable(page: string, name: string, command: string, rows: readonly Row[]): Promise<void> {
  const text = await readFile(page, "utf8");
  const count = (outcome: Row["outcome"]): number =>
    rows.filter((row) => row.outcome === outcome).reduce((sum, { cases = 1 }) => sum + cases, 0);
  const table = [
    `<!-- begin: ${name} -->`,
    "",
    `Made by \`${command}\`: ${count("pass")} pass, ${count("miss")} miss, ${count("skip")} left out.`,
    "",
    markdownTable(
      ["name", "outcome", "note"],
      rows.map(({ name, outcome, note }) => [name, outcome, note.trim()]),
    ),
    "",
    `<!-- end: ${name} -->`,
  ].join("\n");
  const pattern = new RegExp(`<!-- begin: ${name} -->[\\s\\S]*?<!-- end: ${name} -->`);
  if (!pattern.test(text)) throw new RangeError(`${page} has no place for the table ${name}`);
  await writeFile(
    page,
    text.replace(pattern, () => table),
  );
}
