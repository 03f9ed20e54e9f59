import { stripAnsi } from "./ansi.ts";

export interface LogLine {
  /** Counted from 1 over the whole log, dropped lines included. */
  readonly number: number;
  /** RFC 3339, where the source sends it in front of the line. */
  readonly time?: string;
  readonly text: string;
}

const timestamp = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

/**
 * Lines of a log that still grows. Holds at most `limit` lines and drops the oldest beyond it; a line longer than
 * `lineLimit` characters is cut. A carriage return inside a line begins it anew, as a terminal shows progress bars.
 */
export class LogLines {
  readonly #limit: number;
  readonly #lineLimit: number;
  /** As they came; read when they are shown, so that a million of them are a million strings and no more. */
  #lines: string[] = [];
  #start = 0;
  #count = 0;
  #rest = "";

  constructor(limit = 1_000_000, lineLimit = 16_384) {
    this.#limit = limit;
    this.#lineLimit = lineLimit;
  }

  /** Lines that can be shown now, the unfinished last one included. */
  get length(): number {
    return this.#lines.length - this.#start + (this.#rest === "" ? 0 : 1);
  }

  /** Lines that were dropped because the log is longer than the limit. */
  get dropped(): number {
    return this.#count - (this.#lines.length - this.#start);
  }

  append(chunk: string): void {
    const parts = (this.#rest + chunk).split("\n");
    this.#rest = (parts.pop() ?? "").slice(-this.#lineLimit);
    for (const part of parts) this.#lines.push(part.slice(0, this.#rawLimit));
    this.#count += parts.length;
    if (this.#lines.length - this.#start > this.#limit) this.#start = this.#lines.length - this.#limit;
    // Cutting the array only once half of it is waste keeps appending cheap.
    if (this.#start > this.#limit / 2) {
      this.#lines = this.#lines.slice(this.#start);
      this.#start = 0;
    }
  }

  at(index: number): LogLine | undefined {
    const raw = this.#lines[this.#start + index];
    const number = this.dropped + index + 1;
    if (raw !== undefined) return this.#read(raw, number);
    return index === this.length - 1 && this.#rest !== "" ? this.#read(this.#rest, number) : undefined;
  }

  /** Indexes of the lines that hold `needle`, letter case ignored, at most `limit` of them. */
  search(needle: string, limit = 10_000): readonly number[] {
    const wanted = needle.toLowerCase();
    const found: number[] = [];
    if (wanted === "") return found;
    for (let index = 0; index < this.length && found.length < limit; index++) {
      const text = stripAnsi(this.at(index)?.text ?? "");
      if (text.toLowerCase().includes(wanted)) found.push(index);
    }
    return found;
  }

  /** The whole log as plain text, for the download. */
  toText(): string {
    const lines: string[] = [];
    for (let index = 0; index < this.length; index++) {
      const line = this.at(index);
      if (line) lines.push(line.time ? `${line.time} ${stripAnsi(line.text)}` : stripAnsi(line.text));
    }
    return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
  }

  get #rawLimit(): number {
    // A progress bar rewrites its line many times over; the last state stands at the end.
    return 8 * this.#lineLimit;
  }

  #read(raw: string, number: number): LogLine {
    const whole = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const match = timestamp.exec(whole);
    const body = match ? whole.slice(match[0].length) : whole;
    const text = body.slice(body.lastIndexOf("\r") + 1).slice(0, this.#lineLimit);
    return { number, text, ...(match?.[1] !== undefined && { time: match[1] }) };
  }
}
