import { existsSync, globSync, readFileSync } from "node:fs";

/** A page of ours, as it is read by people: Markdown at `path`, relative to the repository. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** A fenced code block. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** 1 is the page's first line. */
  readonly line: number;
  /** What a comment right before it says: `run`, `run: <pattern of its output>`, `file: <name>`; empty if there is none. */
  readonly mark: string;
}

/** Every page that is committed, but for those of strangers and the licence. */
export function readPages(): readonly Page[] {
  const roots = ["*.md", "{docs,design,examples,conformance,packages,components,platform,apps}/**/*.md"];
  return globSync(roots, { exclude: (path) => path.endsWith("node_modules") || path.endsWith("dist") })
    .sort()
    .map((path) => ({ path, text: readFileSync(path, "utf8") }));
}

export function blocksOf({ text }: Page): readonly Block[] {
  const lines = text.split("\n");
  const blocks: Block[] = [];
  let mark = "";
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const fence = /^```+(\w*)/.exec(line);
    if (fence) {
      const end = lines.indexOf("```", at + 1);
      const last = end < 0 ? lines.length : end;
      blocks.push({
        language: fence[1] ?? "",
        text: `${lines.slice(at + 1, last).join("\n")}\n`,
        line: at + 1,
        mark,
      });
      at = last;
      mark = "";
    } else if (line.trim() !== "") {
      mark = /^<!-- ((?:run|file)\b.*) -->$/.exec(line)?.[1] ?? "";
    }
  }
  return blocks;
}

/** What stands outside of code blocks. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, "");
}

/** Targets of links, as written. */
export function linksOf(page: Page): readonly string[] {
  const prose = proseOf(page).replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
}

/** The anchors that GitHub gives to a page's headings. */
export function anchorsOf(page: Page): ReadonlySet<string> {
  const headings = [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? "");
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(/\s/g, "-"),
    ),
  );
}

/** Words after `headrace` wherever a page shows a command of ours, in code blocks and in backticks. */
export function commandLinesOf(page: Page): readonly string[] {
  const inline = [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
  const shell = blocksOf(page)
    .filter(({ language }) => ["sh", "bash", "console"].includes(language))
    .flatMap(({ text }) => text.replaceAll("\\\n", " ").split("\n"));
  return [...inline, ...shell].flatMap((line) =>
    [...line.replace(/\s#.*$/, "").matchAll(/(?:^|[\s(])(?:npx )?headrace ((?:[^\s|&;()`]+ ?)+)/g)].map(
      (match) => match[1]?.trim() ?? "",
    ),
  );
}

/** Whether a path of the repository is there. */
export const isThere = (path: string): boolean => existsSync(path);
