/** A text cut into lines that can be folded away under the line they belong to, by their indentation. */
export interface SourceLines {
  readonly lines: readonly string[];
  /** For each line that others belong to: the last of those. Line numbers start at 0. */
  readonly folds: ReadonlyMap<number, number>;
}

export function sourceLines(text: string): SourceLines {
  const lines = text.replace(/\n$/, "").split("\n");
  const folds = new Map<number, number>();
  const open: { readonly line: number; readonly indent: number }[] = [];
  let last = -1;
  const close = (indent: number): void => {
    for (let top = open.at(-1); top && top.indent >= indent; top = open.at(-1)) {
      open.pop();
      if (last > top.line) folds.set(top.line, last);
    }
  };
  for (const [line, content] of lines.entries()) {
    if (content.trim() === "") continue;
    const indent = indentOf(content);
    close(indent);
    open.push({ line, indent });
    last = line;
  }
  close(0);
  return { lines, folds };
}

/** Numbers of the lines that are seen while those in `closed` hide what belongs to them. */
export function visibleLines({ lines, folds }: SourceLines, closed: ReadonlySet<number>): readonly number[] {
  const seen: number[] = [];
  for (let line = 0; line < lines.length; line++) {
    seen.push(line);
    const end = closed.has(line) ? folds.get(line) : undefined;
    if (end !== undefined) line = end;
  }
  return seen;
}

/** What must be opened for a line to be seen. */
export function foldsAround({ folds }: SourceLines, line: number): readonly number[] {
  return [...folds].filter(([start, end]) => start < line && line <= end).map(([start]) => start);
}

/** Numbers of the lines that hold `needle`, whatever its case. */
export function searchLines({ lines }: SourceLines, needle: string): readonly number[] {
  if (needle === "") return [];
  const wanted = needle.toLowerCase();
  return lines.flatMap((line, index) => (line.toLowerCase().includes(wanted) ? [index] : []));
}

/** A line of YAML in its two parts: the key with what stands before it, and the value. Text without a key is all value. */
export function yamlParts(line: string): { readonly key: string; readonly value: string } {
  const match = /^(\s*(?:- +)*(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[\w./-]+):)(?=\s|$)(.*)$/.exec(line);
  return match ? { key: match[1] ?? "", value: match[2] ?? "" } : { key: "", value: line };
}

const indentOf = (line: string): number => line.length - line.trimStart().length;
