/** What a file is, for choosing how to show it. */
export type ContentKind = "image" | "parquet" | "json" | "table" | "markdown" | "text" | "binary";

const byName: readonly (readonly [RegExp, ContentKind])[] = [
  [/\.(png|jpe?g|gif|webp|bmp|svg)$/i, "image"],
  [/\.parquet$/i, "parquet"],
  [/\.(json|ipynb)$/i, "json"],
  [/\.(csv|tsv)$/i, "table"],
  [/\.(md|markdown)$/i, "markdown"],
];

/** By its name, else by its first bytes, for what steps write has no extension. `head` is the beginning of the file. */
export function contentKind(head: Uint8Array, name: string): ContentKind {
  const named = byName.find(([pattern]) => pattern.test(name))?.[1];
  if (named !== undefined) return named;
  if (imageType(head) !== undefined) return "image";
  if (startsWith(head, "PAR1")) return "parquet";
  if (looksBinary(head)) return "binary";
  const text = new TextDecoder().decode(head);
  if (/^\s*[{[]/.test(text) && looksLikeJson(text)) return "json";
  return looksLikeTable(text) ? "table" : "text";
}

const magics: readonly (readonly [string, string])[] = [
  ["\u0089PNG", "image/png"],
  ["\u00ff\u00d8\u00ff", "image/jpeg"],
  ["GIF8", "image/gif"],
  ["BM", "image/bmp"],
  ["<svg", "image/svg+xml"],
];

/** The media type of an image by its first bytes; undefined if it is none that a browser shows. */
export function imageType(head: Uint8Array): string | undefined {
  if (startsWith(head, "RIFF") && startsWith(head.subarray(8), "WEBP")) return "image/webp";
  return magics.find(([magic]) => startsWith(head, magic))?.[1];
}

/** Bytes that no text has. */
function looksBinary(head: Uint8Array): boolean {
  const sample = head.subarray(0, 4096);
  if (sample.includes(0)) return true;
  const broken = new TextDecoder().decode(sample).match(/\uFFFD/g)?.length ?? 0;
  return broken > 8;
}

/** A list or an object as a program writes it: what follows the first brace is a key, a value or the end. */
const looksLikeJson = (text: string): boolean => /^\s*(\{\s*("|\})|\[\s*([{["\d\-\]]|true|false|null))/.test(text);

/** Several lines with the same number of the same delimiter, at least one. */
function looksLikeTable(text: string): boolean {
  const lines = text.split(/\r?\n/).slice(0, -1).slice(0, 20);
  if (lines.length < 2) return false;
  return [",", "\t", ";"].some((delimiter) => {
    const counts = lines.map((line) => line.replaceAll(/"[^"]*"/g, "").split(delimiter).length - 1);
    return (counts[0] ?? 0) > 0 && counts.every((count) => count === counts[0]);
  });
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return bytes.length >= text.length && [...text].every((char, index) => bytes[index] === char.charCodeAt(0));
}
