import { ApiError } from "@headrace/model";
import { StartError } from "@headrace/platform";
import { stringify } from "yaml";
import type { Surroundings } from "./environment.ts";

const styles = { bold: 1, faint: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;

export type Style = keyof typeof styles;

export const formats = ["text", "wide", "name", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

/** Where commands write. Colour only on a terminal; results go to stdout, everything about them to stderr. */
export interface Terminal {
  readonly interactive: boolean;
  readonly columns: number;
  /** As `--output` says. `json` and `yaml` are for programs: whatever is printed is a value. */
  readonly format: Format;
  readonly json: boolean;
  /** Prints a value for programs, in JSON or YAML. */
  value(value: unknown): void;
  paint(style: Style, text: string): string;
  print(line: string): void;
  note(line: string): void;
  /** Replaces what the last call drew, by as many lines as fit onto the screen. Does nothing off a terminal. */
  redraw(lines: readonly string[]): void;
  /** As `redraw`, but all lines, and for good. */
  settle(lines: readonly string[]): void;
}

export function createTerminal(surroundings: Surroundings, { format }: { readonly format: Format }): Terminal {
  const json = format === "json" || format === "yaml";
  let drawn = 0;
  const draw = (lines: readonly string[]): void => {
    if (!surroundings.interactive || json) return;
    const up = drawn > 0 ? `\u001b[${drawn}A` : "";
    process.stdout.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join("")}\u001b[J`);
    drawn = lines.length;
  };
  return {
    interactive: surroundings.interactive && !json,
    columns: surroundings.columns,
    format,
    json,
    value: (value) => process.stdout.write(format === "yaml" ? stringify(value) : `${JSON.stringify(value)}\n`),
    paint: (style, text) => (surroundings.color ? `\u001b[${styles[style]}m${text}\u001b[0m` : text),
    print: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
    redraw(lines) {
      // The cursor goes no higher than the screen's top, and needs a line of its own.
      const room = (process.stdout.rows || 25) - 1;
      const above = lines.length - room + 1;
      draw(lines.length <= room ? lines : [`  … and ${above} more above`, ...lines.slice(above)]);
    },
    settle(lines) {
      draw(lines);
      drawn = 0;
    },
  };
}

/** A failure of a command as the user reads it. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly why: string | undefined;
  readonly remedy: string | undefined;

  constructor(message: string, details: { why?: string; remedy?: string } = {}, options?: ErrorOptions) {
    super(message, options);
    this.why = details.why;
    this.remedy = details.remedy;
  }
}

export function cannotWrite(file: string, cause: unknown): CommandError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CommandError(
    `Cannot write ${file}`,
    { why, remedy: "Name a file in a folder that is there, and where you may write" },
    { cause },
  );
}

/** Three lines: what could not be done, why, how to fix it. A stack only with `--debug`. */
export function describeError(error: unknown, debug: boolean): string {
  if (debug && error instanceof Error) return error.stack ?? error.message;
  if (error instanceof StartError) return lines(error.message, undefined, error.remedy);
  if (error instanceof CommandError) return lines(error.message, error.why, error.remedy);
  if (error instanceof ApiError) return lines(`Refused: ${error.message}`, undefined, undefined);
  if (!(error instanceof Error)) return String(error);
  // The packages' own errors carry a code and say in their message what to do; anything else is a bug.
  const foreseen = "code" in error;
  return lines(
    error.message,
    undefined,
    foreseen ? undefined : "Run the command again with --debug for the stack, and report it",
  );
}

function lines(message: string, why: string | undefined, remedy: string | undefined): string {
  return [message, why === undefined ? [] : `Why: ${why}`, remedy === undefined ? [] : `How to fix it: ${remedy}`]
    .flat()
    .join("\n");
}

/** `850 ms`, `12.4 s`, `3m 12s`, `2h 05m`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${String(seconds % 60).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}
