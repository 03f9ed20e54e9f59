import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { HeadraceProcess, traces, type Place } from "@headrace/platform/testing";
import type { Acknowledged } from "./client.ts";

const bin = fileURLToPath(new URL("../../apps/cli/bin/headrace.js", import.meta.url));
/** How long the runs of a restored Headrace may take to end, in milliseconds. */
const patience = 300_000;

interface BackupsOptions {
  /** Of the Headrace that is killed. */
  readonly place: Place;
  /** Where backups are written, and the last one is restored. */
  readonly directory: string;
  readonly shares: readonly string[];
}

/** Backups that are taken while Headrace is killed. Each is whole or not there; the last whole one must come to life. */
export class Backups {
  readonly #options: BackupsOptions;
  #begun = 0;
  #whole = 0;
  #last: { readonly file: string; readonly acknowledged: readonly Acknowledged[] } | undefined;
  #going: Promise<void> | undefined;
  readonly #faults: string[] = [];

  constructor(options: BackupsOptions) {
    this.#options = options;
  }

  get tally(): string {
    return `${this.#whole} of ${this.#begun} backups were written to their end`;
  }

  /** Begins one, unless one is under way. What was acknowledged so far must be in it. */
  begin(acknowledged: readonly Acknowledged[]): void {
    this.#going ??= this.#take([...acknowledged]).finally(() => (this.#going = undefined));
  }

  async settled(): Promise<void> {
    await this.#going;
  }

  async #take(acknowledged: readonly Acknowledged[]): Promise<void> {
    const { directory, place } = this.#options;
    this.#begun += 1;
    const file = join(directory, `backup-${this.#begun}.tar`);
    const isWhole = await headrace(place.home, "backup", file);
    if (isWhole !== existsSync(file))
      this.#faults.push(`backup ${this.#begun} said that it was ${isWhole ? "" : "not "}written`);
    if (existsSync(`${file}.part`)) this.#faults.push(`backup ${this.#begun} left a part of itself`);
    if (!isWhole) return;
    this.#whole += 1;
    this.#last = { file, acknowledged };
  }

  /** Restores the last whole backup, and says what is wrong with what comes to life. */
  async check(): Promise<readonly string[]> {
    if (this.#last === undefined) return this.#faults;
    const { file, acknowledged } = this.#last;
    const { directory, place, shares } = this.#options;
    const restored = { home: join(directory, "restored"), runtime: place.runtime };
    if (!(await headrace(restored.home, "restore", file))) return [...this.#faults, `${file} is not restored`];
    const process = new HeadraceProcess({ ...restored, shares });
    const gateway = await process.ready;
    const deadline = AbortSignal.timeout(patience);
    const wrong: string[] = [];
    for (const run of acknowledged) wrong.push(...(await faultsOf(gateway, run, deadline)));
    if ((await process.stop()) !== 0) wrong.push(`the restored Headrace did not stop in order: ${process.words}`);
    for (const name of ["objects.db", "records.db"]) wrong.push(...damagesOf(join(restored.home, name)));
    return [...this.#faults, ...wrong, ...traces(restored)];
  }
}

/** Waits for the end of the run. One that was to be mended may have failed when the backup was taken. */
async function faultsOf(
  gateway: string,
  { run, name }: Acknowledged,
  deadline: AbortSignal,
): Promise<readonly string[]> {
  for (;;) {
    const response = await fetch(`${gateway}/apis/v2beta1/runs/${run}`);
    if (!response.ok) return [`${run} (${name}) is not in it: ${await response.text()}`];
    const { state, error } = (await response.json()) as { state: string; error?: unknown };
    if (state === "SUCCEEDED" || (state === "FAILED" && name.startsWith("mended"))) return [];
    if (state === "FAILED" || deadline.aborted) return [`${run} (${name}) is ${state}: ${JSON.stringify(error)}`];
    await pause(100);
  }
}

function damagesOf(path: string): readonly string[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const found = database
    .prepare("PRAGMA integrity_check")
    .all()
    .map((row) => String(row["integrity_check"]));
  return found.filter((line) => line !== "ok").map((line) => `${path}: ${line}`);
}

/** Whether the command succeeded. */
async function headrace(home: string, ...words: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, [bin, ...words], {
    stdio: "ignore",
    env: { ...process.env, HEADRACE_HOME: home },
  });
  const [status] = await once(child, "close");
  return status === 0;
}
