import { createHash } from "node:crypto";

const maxNameStart = 25;

/** What the object of a recurring run is called: its display name as far as Kubernetes takes it, and a suffix that makes it unique. */
export function recurringRunName(displayName: string, suffix: string): string {
  const plain =
    displayName
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "")
      .replace(/^-+/, "") || "job-";
  return `${plain.slice(0, maxNameStart)}${suffix}`;
}

/** The display name of its run with this index, counted from 1, as upstream's: `<name>-<index>-<hash of both>`. */
export function tickRunName(name: string, index: number): string {
  const text = `${name}-${index}`;
  return `${text}-${fnv32a(text)}`;
}

/** The id of the run that a tick makes: the same however often the tick is tried. */
export function tickRunId(recurringRun: string, tick: number): string {
  const hex = createHash("sha256").update(`${recurringRun}/${tick}`).digest("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  // Version 8 of RFC 9562: made by a rule of one's own.
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

/** FNV-1a in 32 bits over the text's bytes. */
function fnv32a(text: string): number {
  return Buffer.from(text).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
}
