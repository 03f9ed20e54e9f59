import { listUnusedEnvironments, removeUnusedEnvironment } from "@headrace/environments";
import { age, formatTime, systemClock } from "@headrace/model";
import { findRunning } from "@headrace/platform";
import { connect } from "../connection.ts";
import type { Surroundings } from "../environment.ts";
import { printItems } from "../table.ts";
import { CommandError, type Terminal } from "../terminal.ts";

interface Freed {
  readonly what: string;
  readonly namespace: string;
  readonly place: string;
  readonly bytes: number;
  readonly note?: string;
}

/** What Headrace says of the artifacts that could be freed. */
interface Garbage {
  readonly items: readonly {
    readonly why: "deleted" | "unknown";
    readonly namespace: string;
    readonly uri: string;
    readonly bytes: number;
  }[];
}

const words = { deleted: "deleted run", unknown: "run that no record knows" } as const;
const dayMs = 24 * 3_600_000;
const path = "/apis/headrace.io/v1/garbage";

/** Frees what nobody needs any more, or with `dryRun` only says what that is. Resolves to the exit status. */
export async function gc(
  flags: { readonly dryRun: boolean; readonly unusedDays: string },
  surroundings: Surroundings,
  terminal: Terminal,
): Promise<number> {
  const days = Number(flags.unusedDays);
  if (!(days >= 1)) throw new CommandError(`--unused-days: "${flags.unusedDays}" is no number of days from 1 on`);
  const freed = [
    ...(await artifacts(flags.dryRun, surroundings.home, terminal)),
    ...(await environments(flags.dryRun, surroundings.cache, systemClock.now() - days * dayMs)),
  ];
  const total = freed.reduce((sum, { bytes }) => sum + bytes, 0);
  if (!terminal.json && freed.length === 0) {
    terminal.note("There is nothing to free");
    return 0;
  }
  printItems(
    freed,
    {
      kind: "place",
      idOf: ({ place }) => place,
      columns: [
        { title: "WHAT", value: ({ what }) => what },
        { title: "NAMESPACE", value: ({ namespace }) => namespace },
        { title: "SIZE", value: ({ bytes }) => sizeText(bytes) },
        { title: "PLACE", value: ({ place }) => place },
        { title: "NOTE", wide: true, value: ({ note }) => note },
      ],
    },
    terminal,
  );
  if (!terminal.json) {
    terminal.note(
      flags.dryRun ? `${sizeText(total)} would be freed; \`headrace gc\` frees them` : `${sizeText(total)} freed`,
    );
  }
  return 0;
}

async function artifacts(dryRun: boolean, home: string, terminal: Terminal): Promise<readonly Freed[]> {
  if (findRunning(home) === undefined) {
    terminal.note(`No Headrace runs on ${home}: its artifacts are left alone`);
    return [];
  }
  const { items } = (await connect(home).call(dryRun ? "GET" : "DELETE", path)) as Garbage;
  return items.map(({ why, namespace, uri, bytes }) => ({ what: words[why], namespace, place: uri, bytes }));
}

async function environments(dryRun: boolean, cache: string, before: number): Promise<readonly Freed[]> {
  const unused = await listUnusedEnvironments(cache, before);
  if (!dryRun) for (const environment of unused) await removeUnusedEnvironment(cache, environment);
  return unused.map(({ digest, usedAt, bytes }) => ({
    what: "unused environment",
    namespace: "",
    place: `${cache}/envs/${digest}`,
    bytes,
    note: `last used ${age(formatTime(usedAt), systemClock.now())} ago`,
  }));
}

function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes === 0 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}
