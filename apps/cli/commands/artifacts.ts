import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline as stream } from "node:stream/promises";
import { age, systemClock } from "@headrace/model";
import { type Artifact, artifacts } from "@headrace/pipelines/resources";
import { connect, type Connection } from "../connection.ts";
import { type Column, printItems } from "../table.ts";
import { cannotWrite, CommandError, type Terminal } from "../terminal.ts";
import { findRun } from "./logs.ts";
import type { ListFlags } from "./pipelines.ts";

const columns: readonly Column<Artifact>[] = [
  { title: "ID", value: ({ spec }) => spec.id },
  { title: "NAME", value: ({ spec }) => spec.name },
  { title: "TYPE", value: ({ spec }) => spec.type },
  { title: "SIZE", value: ({ spec }) => spec.size },
  { title: "MADE BY", value: ({ spec }) => spec.producer?.key },
  { title: "RUN", value: ({ spec }) => spec.producer?.runName },
  { title: "AGE", value: ({ metadata }) => age(metadata.creationTimestamp, systemClock.now()) },
  { title: "URI", wide: true, value: ({ spec }) => spec.uri },
];
const table = { kind: "artifact", columns, idOf: ({ metadata }: Artifact) => metadata.name ?? "" };

export interface ArtifactListFlags extends ListFlags {
  readonly run?: string;
  readonly type?: string;
}

export async function listArtifacts(flags: ArtifactListFlags, home: string, terminal: Terminal): Promise<number> {
  const connection = connect(home);
  const run = flags.run === undefined ? undefined : (await findRun(connection, flags.run)).metadata.name;
  const { items } = await connection.client
    .resource(artifacts)
    .list({ ...(flags.namespace !== undefined && { namespace: flags.namespace }) });
  const { type } = flags;
  const wanted = items.filter(
    ({ spec }) =>
      (run === undefined || spec.producer?.run === run) &&
      (type === undefined || spec.type === type || spec.type === `system.${type}`),
  );
  printItems(wanted.slice(0, flags.limit), table, terminal);
  return 0;
}

/** Shows an artifact by its number, its uid or the beginning of it, or writes its bytes to a file. Resolves to the exit status. */
export async function getArtifact(
  reference: string,
  flags: { readonly to?: string },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const connection = connect(home);
  const found = await findArtifact(connection, reference);
  if (flags.to === undefined) printItems([found], table, terminal);
  else await fetchBytes(connection, found, flags.to, terminal);
  return 0;
}

/** By its number, which needs no look at all the others, or the beginning of its uuid. */
async function findArtifact({ client }: Connection, reference: string): Promise<Artifact> {
  const all = client.resource(artifacts);
  const numbered = /^\d+$/.test(reference)
    ? await all.list({ fieldSelector: `metadata.name=${reference}` })
    : undefined;
  const found = numbered?.items.length
    ? numbered.items
    : (await all.list()).items.filter(({ metadata }) => reference !== "" && metadata.uid?.startsWith(reference));
  const [first] = found;
  if (first === undefined)
    throw new CommandError(`There is no artifact "${reference}"`, { remedy: "List them: headrace artifacts list" });
  if (found.length === 1) return first;
  throw new CommandError(`${found.length} artifacts are meant by "${reference}"`, { remedy: "Give more of the id" });
}

async function fetchBytes(connection: Connection, artifact: Artifact, to: string, terminal: Terminal): Promise<void> {
  const content = `/apis/headrace.io/v1/namespaces/${artifact.metadata.namespace}/artifacts/${artifact.spec.id}/content`;
  const bytes = Readable.from(connection.stream(`${content}?archive=tar.gz`, new AbortController().signal));
  if (to === "-") return stream(bytes, process.stdout);
  const file = await open(to, "w").catch((error: unknown) => {
    throw cannotWrite(to, error);
  });
  await stream(bytes, file.createWriteStream());
  terminal.note(`Wrote ${artifact.spec.name} to ${to}`);
}
