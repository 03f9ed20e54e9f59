import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { ArtifactStore } from "@headrace/artifacts";
import type { Pod } from "@headrace/k8s";
import { type StepIO, stepIOAnnotation, type StepOutput, type StepReport } from "@headrace/model";
import type { Mount } from "@headrace/sandbox";
import type { Ended } from "./container-state.ts";
import { ContainerConfigError, UnsupportedError } from "./errors.ts";
import { logTail } from "./log-files.ts";

const annotationLimit = 1 << 20;
const filesLimit = 16 << 20;
const tailBytes = 4096;

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
    typeof step.report === "string";
  if (!complete) throw malformed("artifacts, scratch, files, outputs and report are required");
  if (!step.scratch.startsWith("/")) throw malformed("scratch must be an absolute path");
  return step;
}

function malformed(why: string): UnsupportedError {
  return new UnsupportedError(
    `metadata.annotations[${stepIOAnnotation}]`,
    `cannot be read: ${why}`,
    "It is written by the pipeline engine alone",
  );
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
    step.artifacts.map(async ({ path, uri, mode }) => {
      const supported = artifacts.supports(uri);
      if (!supported.ok) throw new ContainerConfigError("FailedMount", `artifact "${uri}": ${supported.reason}`);
      const source = await artifacts.localPath(uri, { create: mode === "write" });
      if (source === undefined)
        throw new ContainerConfigError("FailedMount", `artifact "${uri}" is in a store that cannot be mounted`);
      if (mode === "read" && !isThere(source)) missing.push(uri);
      else mounts.push({ kind: "bind", source, target: path, readOnly: mode === "read" });
    }),
  );
  return { mounts, missing };
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
}: StepEnd): Promise<StepReport> {
  const files: Record<string, string> = {};
  const refused: Record<string, string> = {};
  let room = filesLimit;
  for (const { path, limit } of step.files) {
    const found = readBeneath(scratchDirectory, path, Math.min(limit, room));
    if (found === undefined) continue;
    if ("reason" in found) refused[path] = found.reason;
    else files[path] = found.text;
    if ("text" in found) room -= found.text.length;
  }
  const outputs: Record<string, StepOutput> = {};
  if (ended.exitCode === 0) {
    const measured = await Promise.all(
      step.outputs.map(async ({ name, uri }) => [name, await artifacts.measure(uri)] as const),
    );
    Object.assign(outputs, Object.fromEntries(measured));
  }
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
    tail: logTail(logPath, tailBytes),
  };
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
