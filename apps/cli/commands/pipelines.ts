import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { age, systemClock } from "@headrace/model";
import { parsePipelineDocuments } from "@headrace/pipelines";
import { connect } from "../connection.ts";
import { type Collection, filterOf, findItem, findItems, itemPath, listItems } from "../kfp.ts";
import { printItems } from "../table.ts";
import { CommandError, type Terminal } from "../terminal.ts";

interface Pipeline {
  readonly pipeline_id: string;
  readonly name: string;
  readonly display_name: string;
  readonly description?: string;
  readonly created_at: string;
  readonly namespace?: string;
}

interface Version {
  readonly pipeline_version_id: string;
  readonly name: string;
  readonly display_name: string;
  readonly description?: string;
  readonly created_at: string;
}

export interface ListFlags {
  readonly namespace?: string;
  readonly limit: number;
}

export const pipelines: Collection<Pipeline> = {
  kind: "pipeline",
  path: "/apis/v2beta1/pipelines",
  itemsOf: (answer) => answer["pipelines"] as readonly Pipeline[] | undefined,
  idOf: (pipeline) => pipeline.pipeline_id,
  nameOf: (pipeline) => pipeline.display_name,
  columns: [
    { title: "ID", value: (pipeline) => pipeline.pipeline_id },
    { title: "NAME", value: (pipeline) => pipeline.display_name },
    { title: "AGE", value: (pipeline) => age(pipeline.created_at, systemClock.now()) },
    { title: "DESCRIPTION", wide: true, value: (pipeline) => pipeline.description },
    { title: "NAMESPACE", wide: true, value: (pipeline) => pipeline.namespace },
  ],
};

const versionsOf = (pipeline: Pipeline): Collection<Version> => ({
  kind: "version",
  path: `${itemPath(pipelines, pipeline)}/versions`,
  itemsOf: (answer) => answer["pipeline_versions"] as readonly Version[] | undefined,
  idOf: (version) => version.pipeline_version_id,
  nameOf: (version) => version.display_name,
  columns: [
    { title: "ID", value: (version) => version.pipeline_version_id },
    { title: "NAME", value: (version) => version.display_name },
    { title: "AGE", value: (version) => age(version.created_at, systemClock.now()) },
    { title: "DESCRIPTION", wide: true, value: (version) => version.description },
  ],
});

const newestFirst = { sort_by: "created_at desc" };

export async function listPipelines(flags: ListFlags, home: string, terminal: Terminal): Promise<number> {
  const query = { ...newestFirst, namespace: flags.namespace };
  printItems(await listItems(connect(home), pipelines, query, flags.limit), pipelines, terminal);
  return 0;
}

export async function listVersions(reference: string, home: string, terminal: Terminal): Promise<number> {
  const connection = connect(home);
  const versions = versionsOf(await findItem(connection, pipelines, reference));
  printItems(await listItems(connection, versions, newestFirst, Infinity), versions, terminal);
  return 0;
}

export interface UploadFlags {
  readonly name?: string;
  readonly versionName?: string;
  readonly description?: string;
}

/** A name that is known gets another version. Prints the pipeline's id and the version's. Resolves to the exit status. */
export async function upload(file: string, flags: UploadFlags, home: string, terminal: Terminal): Promise<number> {
  const content = read(file);
  const name = flags.name ?? parsePipelineDocuments(content).name;
  const connection = connect(home);
  const filter = filterOf([{ key: "display_name", operation: "EQUALS", string_value: name }]);
  const [known] = await listItems(connection, pipelines, { filter }, 1);
  const query = new URLSearchParams(known ? { pipelineid: known.pipeline_id } : { name });
  const versionName = flags.versionName ?? (known ? `${name} ${new Date(systemClock.now()).toISOString()}` : undefined);
  if (known && versionName !== undefined) query.set("name", versionName);
  if (flags.description !== undefined) query.set("description", flags.description);
  const path = `${pipelines.path}/upload${known ? "_version" : ""}?${query.toString()}`;
  const made = (await connection.upload(path, { field: "uploadfile", name: basename(file), content })) as Pipeline &
    Version;
  const [latest] = known ? [made] : await listItems(connection, versionsOf(made), newestFirst, 1);
  const ids = { pipeline: known?.pipeline_id ?? made.pipeline_id, version: latest?.pipeline_version_id ?? "" };
  if (terminal.json) terminal.value(ids);
  else
    terminal.print(
      `${known ? "Next version" : "First version"} of "${name}": pipeline ${ids.pipeline}, version ${ids.version}`,
    );
  return 0;
}

export async function deletePipelines(
  references: readonly string[],
  home: string,
  terminal: Terminal,
): Promise<number> {
  const connection = connect(home);
  for (const pipeline of await findItems(connection, pipelines, references)) {
    await connection.call("DELETE", `${itemPath(pipelines, pipeline)}?cascade=true`);
    if (!terminal.json) terminal.print(`Deleted pipeline "${pipeline.display_name}" (${pipeline.pipeline_id})`);
  }
  return 0;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`Cannot read ${file}`, { why }, { cause });
  }
}
