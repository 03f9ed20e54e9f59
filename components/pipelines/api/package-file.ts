import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type ApiError, badRequest } from "@headrace/model";
import { type Unzipped, Unzip, type UnzipFile, UnzipInflate } from "fflate";
import { extract } from "tar-stream";
import { maxDocumentBytes } from "../core/document.ts";

/** What an archive may unpack to, all members together, and how many it may have. */
const maxUnpackedBytes = 2 * maxDocumentBytes;
const maxMembers = 1000;
/** An archive is inflated in slices of its packed bytes, so that what one slice unfolds to (a thousandfold at most) fits in memory. */
const sliceBytes = 16 * 1024;

const preferredMember = "pipeline.yaml";

/**
 * The pipeline's text in a package as `kfp compile` or a user makes it: YAML or JSON by the file's name, else a zip or tar.gz
 * by its first bytes, with `pipeline.yaml` or, without that, its first file. Time and memory are bounded whatever the package
 * claims. Throws ApiError BadRequest.
 */
export async function readPackage({ filename, content }: { filename: string; content: Buffer }): Promise<string> {
  if (/\.(ya?ml|json)$/i.test(filename)) return asText(content);
  if (content[0] === 0x50 && content[1] === 0x4b) return asText(readZip(content));
  if (content[0] === 0x1f && content[1] === 0x8b) return asText(await readTarball(content));
  throw refused(`"${filename}" is not a pipeline: expected a .yaml or .json file, or a .zip or .tar.gz archive of one`);
}

/** Decides which of an archive's members is read, and keeps count of what it unfolds to. */
class Archive {
  #members = 0;
  #bytes = 0;
  #first: string | undefined;

  /** Whether the member may be the pipeline. Throws for a name that leads out of the archive. */
  wants(name: string): boolean {
    if (++this.#members > maxMembers) throw refused(`the archive has more than ${maxMembers} members`);
    if (name.startsWith("/") || name.includes("\\") || name.split("/").includes("..")) {
      throw refused(`the archive's member "${name.slice(0, 100)}" lies outside of it`);
    }
    if (name.endsWith("/")) return false;
    this.#first ??= name;
    return name === preferredMember || name === this.#first;
  }

  unfolded(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > maxUnpackedBytes)
      throw refused(`the archive unpacks to more than ${maxUnpackedBytes / 2 ** 20} MiB`);
  }

  choose(contents: ReadonlyMap<string, Buffer>): Buffer {
    const preferred = contents.get(preferredMember);
    if (preferred) return preferred;
    if (this.#first === undefined) throw refused("the archive is empty");
    const content = contents.get(this.#first);
    if (content && /\.ya?ml$/i.test(this.#first)) return content;
    throw refused(
      `the archive has no "${preferredMember}", and its first file, "${this.#first.slice(0, 100)}", is not YAML`,
    );
  }
}

function readZip(content: Buffer): Buffer {
  const archive = new Archive();
  const contents = new Map<string, Buffer>();
  const unzip = new Unzip((file) => {
    if (archive.wants(file.name)) collect(file, archive, contents);
  });
  unzip.register(UnzipInflate);
  try {
    for (let start = 0; start < content.length; start += sliceBytes) {
      unzip.push(content.subarray(start, start + sliceBytes), start + sliceBytes >= content.length);
    }
  } catch (cause) {
    throw asRefusal(cause, "the zip file is damaged");
  }
  return archive.choose(contents);
}

function collect(file: UnzipFile, archive: Archive, contents: Map<string, Buffer>): void {
  const chunks: Unzipped[string][] = [];
  file.ondata = (error, chunk, final) => {
    if (error) throw error;
    archive.unfolded(chunk.length);
    chunks.push(chunk);
    if (final) contents.set(file.name, Buffer.concat(chunks));
  };
  file.start();
}

async function readTarball(content: Buffer): Promise<Buffer> {
  const archive = new Archive();
  const contents = new Map<string, Buffer>();
  try {
    const members = extract();
    members.end(await promisify(gunzip)(content, { maxOutputLength: maxUnpackedBytes }));
    for await (const member of members) {
      const wanted = member.header.type === "file" && archive.wants(member.header.name);
      const chunks: Buffer[] = [];
      for await (const chunk of member) if (wanted && Buffer.isBuffer(chunk)) chunks.push(chunk);
      if (wanted) contents.set(member.header.name, Buffer.concat(chunks));
      if (member.header.name === preferredMember) break;
    }
  } catch (cause) {
    if (codeOf(cause) === "ERR_BUFFER_TOO_LARGE")
      throw refused(`the archive unpacks to more than ${maxUnpackedBytes / 2 ** 20} MiB`);
    throw asRefusal(cause, "the .tar.gz file is damaged");
  }
  return archive.choose(contents);
}

function asText(content: Buffer): string {
  if (content.length > maxDocumentBytes) throw refused(`the pipeline is larger than ${maxDocumentBytes / 2 ** 20} MiB`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (cause) {
    throw asRefusal(cause, "the file is not UTF-8 text");
  }
}

const refused = (why: string): ApiError => badRequest(`Cannot read the pipeline: ${why}`);

function asRefusal(cause: unknown, why: string): unknown {
  if (cause instanceof Error && cause.name === "ApiError") return cause;
  return badRequest(`Cannot read the pipeline: ${why}`, { cause });
}

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);
