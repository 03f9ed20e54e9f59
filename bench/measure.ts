import { readFileSync } from "node:fs";

/** The value below which `share` of the sample lies. */
export function percentile(sample: readonly number[], share: number): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (sample: readonly number[]): number => percentile(sample, 0.5);

/** Begin and end of each tick of a trace `begin,end;begin,end;…`, in seconds. */
export function ticksOf(trace: string): readonly (readonly [begin: number, end: number])[] {
  const ticks = trace.split(";").filter((tick) => tick !== "");
  return ticks.map((tick) => {
    const [begin = Number.NaN, end = Number.NaN] = tick.split(",").map(Number);
    return [begin, end];
  });
}

/** Milliseconds between the end of one tick and the start of the next. */
export function gapsOf(trace: string): readonly number[] {
  const ticks = ticksOf(trace);
  return ticks.slice(1).map(([begin], index) => (begin - (ticks[index]?.[1] ?? Number.NaN)) * 1000);
}

/** CPU milliseconds that the whole machine has spent since it started: kernel workers do part of the job. */
export function machineCpu(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n")[0] ?? ""
  )
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq) * 10;
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024;
}

export function printTable(
  title: string,
  rows: readonly (readonly [name: string, value: string, ratio?: string])[],
): void {
  console.log(`\n${title}`);
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value, ratio = ""] of rows) console.log(`  ${name.padEnd(width)}  ${value.padStart(12)}  ${ratio}`);
}
