/** A stretch of text with one style. `colour` is one of the eight names, `bright-` ones included in `bold`. */
export interface AnsiSpan {
  readonly text: string;
  readonly colour?: AnsiColour;
  readonly bold: boolean;
  readonly dim: boolean;
}

const colours = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;
export type AnsiColour = (typeof colours)[number];

interface Style {
  colour: AnsiColour | undefined;
  bold: boolean;
  dim: boolean;
}

/**
 * Splits a line by its SGR escapes (colour, bold, dim). Every other escape sequence and control character is dropped: a log
 * is for reading, and what moves the cursor makes no sense in it.
 */
export function parseAnsi(line: string): readonly AnsiSpan[] {
  if (!line.includes("\u001B")) return line === "" ? [] : [plain(clean(line))];
  const spans: AnsiSpan[] = [];
  const style: Style = { colour: undefined, bold: false, dim: false };
  let from = 0;
  for (const match of line.matchAll(escapes)) {
    push(spans, line.slice(from, match.index), style);
    if (match[0].endsWith("m")) applySgr(style, match[1] ?? "");
    from = match.index + match[0].length;
  }
  push(spans, line.slice(from), style);
  return spans;
}

/** The same line without any escape, for search and download of plain text. */
export function stripAnsi(line: string): string {
  return line.includes("\u001B") ? clean(line.replace(escapes, "")) : line;
}

// CSI sequences, OSC sequences (titles, links) up to their terminator, and two-character escapes.
// oxlint-disable-next-line no-control-regex -- control characters are what this reads
const escapes = /\u001B(?:\[([0-9;:?]*)[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\^_])/g;

const plain = (text: string): AnsiSpan => ({ text, bold: false, dim: false });

// oxlint-disable-next-line no-control-regex -- control characters are what this removes
const clean = (text: string): string => text.replace(/[\u0000-\u0008\u000B-\u001F\u007F]/g, "");

function push(spans: AnsiSpan[], raw: string, style: Style): void {
  const text = clean(raw);
  if (text === "") return;
  spans.push({ text, bold: style.bold, dim: style.dim, ...(style.colour && { colour: style.colour }) });
}

function applySgr(style: Style, parameters: string): void {
  const codes = parameters.split(/[;:]/).map(Number);
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index] ?? 0;
    if (code === 0) Object.assign(style, { colour: undefined, bold: false, dim: false });
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 22) Object.assign(style, { bold: false, dim: false });
    else if (code >= 30 && code <= 37) style.colour = colours[code - 30];
    else if (code >= 90 && code <= 97) style.colour = colours[code - 90];
    else if (code === 39) style.colour = undefined;
    else if (code === 38 || code === 48) index = skipExtended(codes, index, code === 38 ? style : undefined);
  }
}

/** `38;5;n` and `38;2;r;g;b`: the sixteen basic ones of the palette are kept, the others fall back to the text's colour. */
function skipExtended(codes: readonly number[], index: number, style: Style | undefined): number {
  if (codes[index + 1] === 2) {
    if (style) style.colour = undefined;
    return index + 4;
  }
  const palette = codes[index + 2] ?? 16;
  if (style) style.colour = palette < 16 ? colours[palette % 8] : undefined;
  return index + 2;
}
