import { closeSync, constants, fstatSync, openSync, readSync, statfsSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { type ArtifactStore, bring } from "@headrace/artifacts";
import type { Pod } from "@headrace/k8s";
import {
  isApiError,
  type StepIO,
  stepIOAnnotation,
  type StepOutput,
  type StepOutputPlace,
  type StepReport,
} from "@headrace/model";
import type { Mount } from "@headrace/sandbox";
import type { Ended } from "./container-state.ts";
import { ContainerConfigError, UnsupportedError } from "./errors.ts";
import { logTail } from "./log-files.ts";

const annotationLimit = 1 << 20;
const filesLimit = 16 << 20;
const tailBytes = 4096;
/** A disk with fewer bytes than this left is full: what a step could not write whole has taken the rest. */
const leastRoom = 1 << 20;

/** What a step's pod declares, undefined for ordinary pods. Throws UnsupportedError if the annotation makes no sense. */
export function readStepIO(pod: Pod): StepIO | undefined {
  const text = pod.metadata.annotations?.[stepIOAnnotation];
  if (text === undefined) return undefined;
  let step: StepIO;
  try {
    step = JSON.parse(text.length > annotationLimit ? "" : text);
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : "no JSON");
  }
  const complete =
    Array.isArray(step.artifacts) &&
    Array.isArray(step.files) &&
    Array.isArray(step.outputs) &&
    typeof step.scratch === "string" &&
    (step.log === undefined || typeof step.log === "string") &&
    typeof step.report === "string";
  if (!complete) throw malformed("artifacts, scratch, files, outputs and report are required");
  if (!step.scratch.startsWith("/")) throw malformed("scratch must be an absolute path");
  const crooked = step.files.find(({ path }) => normalize(path) !== path || placeOf(step, path) === undefined);
  if (crooked) throw malformed(`the file ${crooked.path} lies neither in scratch nor in an artifact that is written`);
  return step;
}

function malformed(why: string): UnsupportedError {
  return new UnsupportedError(
    `metadata.annotations[${stepIOAnnotation}]`,
    `cannot be read: ${why}`,
    "It is written by the pipeline engine alone",
  );
}

/** Which writable place of the step a path lies in, and where in it. */
function placeOf(
  step: StepIO,
  path: string,
): { readonly uri: string | undefined; readonly within: string } | undefined {
  const written = step.artifacts.filter(({ mode }) => mode === "write");
  const places = [...written, { path: step.scratch, uri: undefined }];
  const place = places.find((each) => path.startsWith(`${each.path}/`));
  return place && { uri: place.uri, within: path.slice(place.path.length + 1) };
}

/** Artifacts where the step expects them, and its own scratch directory. Inputs that nobody wrote are left out: the step finds nothing there. */
export async function stepMounts(
  step: StepIO,
  scratchDirectory: string,
  artifacts: ArtifactStore,
): Promise<{ mounts: Mount[]; missing: string[] }> {
  const mounts: Mount[] = [{ kind: "bind", source: scratchDirectory, target: step.scratch, readOnly: false }];
  const missing: string[] = [];
  await Promise.all(
    step.artifacts.map(async ({ path, uri, mode }, index) => {
      const supported = artifacts.supports(uri);
      if (!supported.ok) throw new ContainerConfigError("FailedMount", `artifact "${uri}": ${supported.reason}`);
      const local = await artifacts.localPath(uri, { create: mode === "write" });
      const source = local ?? broughtPath(scratchDirectory, index);
      if (local === undefined) await (mode === "write" ? makeOutput(source) : bringInput(artifacts, uri, source));
      if (mode === "read" && !isThere(source)) missing.push(uri);
      else mounts.push({ kind: "bind", source, target: path, readOnly: mode === "read" });
    }),
  );
  // What lies within another place is mounted after it.
  return { mounts: mounts.sort((a, b) => a.target.length - b.target.length), missing };
}

/** Where the artifact of this index lies while the step runs, if it is kept elsewhere: beside the scratch directory, and gone with the pod. */
function broughtPath(scratchDirectory: string, index: number): string {
  return join(dirname(scratchDirectory), `.artifact-${index}`);
}

/** Every user of the container may write there. */
async function makeOutput(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o777);
}

/** What is there already was brought by an earlier try. */
async function bringInput(artifacts: ArtifactStore, uri: string, path: string): Promise<void> {
  if (isThere(path)) return;
  try {
    await bring(artifacts, uri, path);
  } catch (error) {
    if (!isApiError(error)) throw error;
    throw new ContainerConfigError("FailedMount", error.message);
  }
}

/**
 * Folders of the scratch directory that the step's files go to, outer ones first: a step may write its files without making
 * their folders. Every user of the container may write there, as in any /tmp.
 */
export function scratchFolders(step: StepIO): readonly string[] {
  const folders = new Set<string>();
  for (const { path } of step.files) {
    const place = placeOf(step, path);
    if (place?.uri !== undefined || place === undefined) continue;
    const segments = dirname(place.within).split("/");
    for (let depth = 1; depth <= segments.length; depth += 1) folders.add(segments.slice(0, depth).join("/"));
  }
  folders.delete(".");
  return [...folders];
}

function isThere(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

export interface StepEnd {
  readonly pod: Pod;
  readonly step: StepIO;
  readonly scratchDirectory: string;
  readonly artifacts: ArtifactStore;
  readonly ended: Ended;
  readonly logPath: string;
  /** All that the step printed, read as it is asked for; undefined if it never began. */
  readonly log: () => AsyncIterable<Uint8Array> | undefined;
}

/**
 * What the step left behind, gathered after its last process is gone. Nothing of it is trusted: files are opened only beneath
 * the step's own directory, links are not followed, pipes do not block, and every file has its limit.
 */
export async function collectStep({
  pod,
  step,
  scratchDirectory,
  artifacts,
  ended,
  logPath,
  log,
}: StepEnd): Promise<StepReport> {
  const { files, refused } = await readFiles(step, scratchDirectory, artifacts);
  const outputs: Record<string, StepOutput> = {};
  if (ended.exitCode === 0) {
    const measured = await Promise.all(
      step.outputs.map(
        async (place) => [place.name, await takeOutput(place, step, files, scratchDirectory, artifacts)] as const,
      ),
    );
    Object.assign(outputs, Object.fromEntries(measured));
  }
  const printed = step.log === undefined ? undefined : log();
  return {
    pod: { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name ?? "", uid: pod.metadata.uid ?? "" },
    exitCode: ended.exitCode,
    reason: ended.reason,
    message: ended.message,
    ...(ended.startedAt !== undefined && { startedAt: ended.startedAt }),
    finishedAt: ended.finishedAt,
    files,
    refused,
    outputs,
    ...(step.log !== undefined && printed !== undefined && { log: await artifacts.write(step.log, printed) }),
    tail: logTail(logPath, tailBytes),
    ...(isFull(scratchDirectory) && { diskFull: true }),
  };
}

/** Asked in place: the next step waits for the report, and the answer is in memory. */
function isFull(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize < leastRoom;
  } catch {
    return false;
  }
}

async function readFiles(
  step: StepIO,
  scratchDirectory: string,
  artifacts: ArtifactStore,
): Promise<Pick<StepReport, "files" | "refused">> {
  const files: Record<string, string> = {};
  const refused: Record<string, string> = {};
  let room = filesLimit;
  for (const { path, limit } of step.files) {
    const place = placeOf(step, path);
    if (place === undefined) continue;
    const root =
      place.uri === undefined ? scratchDirectory : await writtenPath(step, place.uri, scratchDirectory, artifacts);
    const found = root === undefined ? undefined : readBeneath(root, place.within, Math.min(limit, room));
    if (found === undefined) continue;
    if ("reason" in found) refused[path] = found.reason;
    else files[path] = found.text;
    if ("text" in found) room -= found.text.length;
  }
  return { files, refused };
}

/** Size and digest of an output; one that the step says it wrote elsewhere is fetched from there first. */
async function takeOutput(
  { uri, elsewhere }: StepOutputPlace,
  step: StepIO,
  files: StepReport["files"],
  scratchDirectory: string,
  artifacts: ArtifactStore,
): Promise<StepOutput> {
  const path = elsewhere && textAt(files[elsewhere.file], elsewhere.pointer);
  if (path === undefined || path === "") return takePlaced(uri, step, scratchDirectory, artifacts);
  const { scratch } = step;
  if (!path.startsWith(`${scratch}/`)) {
    return {
      kind: "refused",
      reason: `it was written to ${path}; what is to be kept must be written beneath ${scratch}`,
    };
  }
  return artifacts.take(uri, { root: scratchDirectory, path: path.slice(scratch.length + 1) });
}

/** An output that lies where it belongs is measured there; one that belongs elsewhere is sent there first. */
async function takePlaced(
  uri: string,
  step: StepIO,
  scratchDirectory: string,
  artifacts: ArtifactStore,
): Promise<StepOutput> {
  const index = step.artifacts.findIndex((each) => each.mode === "write" && uri.startsWith(`${each.uri}/`));
  const written = step.artifacts[index];
  if (written === undefined || (await artifacts.localPath(written.uri, { create: false })) !== undefined) {
    return artifacts.measure(uri);
  }
  return artifacts.take(uri, { root: broughtPath(scratchDirectory, index), path: uri.slice(written.uri.length + 1) });
}

/** The directory of this host that the step wrote an artifact to. */
async function writtenPath(
  step: StepIO,
  uri: string,
  scratchDirectory: string,
  artifacts: ArtifactStore,
): Promise<string | undefined> {
  const local = await artifacts.localPath(uri, { create: false });
  const index = step.artifacts.findIndex((each) => each.mode === "write" && each.uri === uri);
  return local ?? (index < 0 ? undefined : broughtPath(scratchDirectory, index));
}

/** The text at a JSON pointer (RFC 6901); undefined if there is none, or no JSON. */
function textAt(json: string | undefined, pointer: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json ?? "null");
  } catch {
    return undefined;
  }
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return typeof value === "string" ? value : undefined;
}

/**
 * A small file beneath a root that strangers wrote; undefined if it is not there. Each folder on the way is opened in the one
 * before it, so that no link leads elsewhere. Synchronous: for files of this size, a hop to another thread costs more.
 */
export function readBeneath(
  root: string,
  path: string,
  limit: number,
): { readonly text: string } | { readonly reason: string } | undefined {
  const segments = path.split("/");
  const name = segments.pop() ?? "";
  if (
    path.startsWith("/") ||
    [...segments, name].some((segment) => segment === "" || segment === "." || segment === "..")
  ) {
    return { reason: `"${path}" is no path beneath the step's directory` };
  }
  const open: number[] = [];
  try {
    open.push(openSync(root, constants.O_RDONLY | constants.O_DIRECTORY));
    for (const segment of segments) {
      open.push(
        openSync(at(open, root, segments, segment), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW),
      );
    }
    const file = openSync(
      at(open, root, segments, name),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    open.push(file);
    return readWhole(file, limit);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP" || code === "ENOTDIR" || code === "ENXIO") return { reason: "it is a link or a special file" };
    return { reason: `it cannot be read (${String(code)})` };
  } finally {
    for (const descriptor of open) closeSync(descriptor);
  }
}

/** Linux looks names up in the open folder itself; elsewhere the path has to do, after the processes that could change it are gone. */
function at(open: readonly number[], root: string, segments: readonly string[], name: string): string {
  if (process.platform === "linux") return `/proc/self/fd/${open.at(-1)}/${name}`;
  return join(root, ...segments.slice(0, open.length - 1), name);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readWhole(file: number, limit: number): { readonly text: string } | { readonly reason: string } {
  const stat = fstatSync(file);
  if (!stat.isFile()) return { reason: stat.isDirectory() ? "it is a directory" : "it is a special file" };
  if (stat.size > limit) return { reason: `it has ${stat.size} bytes, and ${limit} are allowed` };
  const buffer = Buffer.allocUnsafe(stat.size);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(file, buffer, length, buffer.length - length, length);
    if (read === 0) break;
    length += read;
  }
  try {
    return { text: utf8.decode(buffer.subarray(0, length)) };
  } catch {
    return { reason: "it is not UTF-8 text" };
  }
}
