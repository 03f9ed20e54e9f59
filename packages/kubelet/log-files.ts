import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** `TIME stream F|P text`: the form in which container runtimes write logs. P is a part of a line that goes on. */
export interface LogLine {
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  readonly partial: boolean;
  readonly text: Buffer;
}

const space = 0x20;

/** Undefined for a line that is not in the form. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  const third = line.indexOf(space, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.toString("latin1", first + 1, second);
  const tag = line.toString("latin1", second + 1, third);
  if ((stream !== "stdout" && stream !== "stderr") || (tag !== "F" && tag !== "P")) return undefined;
  return { time: line.toString("latin1", 0, first), stream, partial: tag === "P", text: line.subarray(third + 1) };
}

/** Prefixes make up to 45 bytes of each line, so more has to be read than is wanted. */
const readAhead = 16 << 10;

/** The last lines of a log as the container wrote them, at most `bytes`; empty if there is none. */
export function logTail(path: string, bytes: number, lines = Infinity): string {
  const end = readEnd(path, Math.max(readAhead, 4 * bytes));
  const rest: Buffer[] = [];
  let size = 0;
  let count = 0;
  for (const line of splitLines(end).toReversed()) {
    const parsed = parseLogLine(line);
    if (parsed === undefined) continue;
    if (!parsed.partial && ++count > lines) break;
    const text = parsed.partial ? parsed.text : Buffer.concat([parsed.text, newline]);
    rest.unshift(text);
    size += text.length;
    if (size >= bytes) break;
  }
  return Buffer.concat(rest).subarray(-bytes).toString("utf8");
}

const newline = Buffer.from("\n");

function readEnd(path: string, bytes: number): Buffer {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const { size } = fstatSync(file);
    const length = Math.min(size, bytes);
    const buffer = Buffer.allocUnsafe(length);
    return buffer.subarray(0, readSync(file, buffer, 0, length, size - length));
  } finally {
    closeSync(file);
  }
}

/** Whole lines without their line feeds; a first line that was cut by the read parses as none. */
export function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
