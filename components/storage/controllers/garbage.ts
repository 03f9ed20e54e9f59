import type { ArtifactStore, ObjectFiles } from "@headrace/artifacts";
import { badRequest, isApiError, type Controller, uuidPattern } from "@headrace/model";
import { chunksOf, inChunks, type Records } from "@headrace/records";
import { pipelineBucket } from "../core/spaces.ts";
import { hasObjects } from "../records/objects.ts";

/** Bytes that nobody needs, and why. */
export interface GarbagePlace {
  /** `deleted`: of a run that was deleted. `unknown`: of a run that no record knows. */
  readonly why: "deleted" | "unknown";
  readonly namespace: string;
  readonly uri: string;
}

export interface Garbage {
  readonly controller: Controller;
  /** Everything that could be freed now, in the order of its URIs. */
  survey(): Promise<readonly (GarbagePlace & { readonly bytes: number })[]>;
  /** Frees nothing while this runs. */
  hold<R>(act: () => Promise<R>): Promise<R>;
  /** Frees what a survey finds. Rejects with what went wrong first, after trying the rest. */
  collect(): Promise<readonly (GarbagePlace & { readonly bytes: number })[]>;
}

export interface GarbageOptions {
  readonly objects: ObjectFiles;
  readonly artifacts: ArtifactStore;
  readonly records: Records;
  readonly homeNamespace: string;
  readonly onError: (error: unknown) => void;
}

interface Place {
  readonly ns: string;
  readonly uri: string;
}

const changes = "garbage";
const logBucket = "headrace-logs";
const uuid = new RegExp(`^${uuidPattern}$`);
/** Segments beneath a run's directory that name one artifact: task, attempt, name. */
const artifactDepth = 3;

/**
 * Frees the bytes of what was deleted: a row says where they are, the bytes go, then the row. Killed in between, it goes on at the next
 * start. What another run still uses stays until that is deleted too.
 */
export function createGarbage(options: GarbageOptions): Garbage {
  const { artifacts, records, onError } = options;
  const { db } = records.all();
  // One after another: freeing is nobody's hurry, and takes the disk's time from steps.
  let line: Promise<void> = Promise.resolve();

  const rows = () => db.selectFrom("garbage").selectAll().orderBy("uri").execute();

  /** URIs at or within a place that are an artifact's still. */
  async function keptWithin(uri: string): Promise<readonly string[]> {
    const found = await db
      .selectFrom("artifact")
      .select("uri")
      .distinct()
      .where("state", "!=", "DELETED")
      // What begins with the URI and a slash lies between that and the character after the slash.
      .where((eb) => eb.or([eb("uri", "=", uri), eb.and([eb("uri", ">=", `${uri}/`), eb("uri", "<", `${uri}0`)])]))
      .execute();
    return found.map((row) => row.uri);
  }

  /** Whether nothing is left at the place. */
  async function free(namespace: string, uri: string): Promise<boolean> {
    const store = artifacts.in(namespace);
    const support = store.supports(uri);
    if (!support.ok) throw badRequest(`Cannot free "${uri}" of namespace "${namespace}": ${support.reason}`);
    const kept = await keptWithin(uri);
    if (kept.length === 0) {
      await store.remove(uri);
      return true;
    }
    if (!kept.includes(uri)) for (const part of await partsWithout(store, uri, kept)) await store.remove(part);
    return false;
  }

  /** The artifacts in a run's directory that do not hold, and are not, one that is kept. */
  async function partsWithout(store: ArtifactStore, uri: string, kept: readonly string[]): Promise<readonly string[]> {
    const files = await store.list(uri).catch((error: unknown) => {
      if (isApiError(error, "NotFound")) return [];
      throw error;
    });
    const parts = new Set(files.map(({ path }) => partOf(uri, path)));
    const whole = new Set(kept);
    const holding = new Set(kept.map((each) => partOf(uri, each.slice(uri.length + 1))));
    return [...parts].filter((part) => !holding.has(part) && !placesAround(part).some((each) => whole.has(each)));
  }

  async function handle({ ns, uri }: Place): Promise<boolean> {
    if (!(await free(ns, uri))) return false;
    await records
      .in(ns)
      .transaction(({ db: writer }) =>
        writer.deleteFrom("garbage").where("ns", "=", ns).where("uri", "=", uri).execute(),
      );
    return true;
  }

  /**
   * Frees several, then what they lay in: what was kept in a deleted run's directory may have been the last of it, and is looked for once,
   * however many artifacts of it went. Each that fails is told, and keeps nobody else.
   */
  async function handleEach(places: readonly Place[], failed: (error: unknown) => void): Promise<void> {
    const around = new Set<string>();
    for (const place of places) {
      const isFreed = await handle(place).catch(failed);
      if (isFreed === true) for (const each of placesAround(place.uri)) around.add(each);
    }
    const outer = await inChunks([...around], (some) =>
      db.selectFrom("garbage").selectAll().where("uri", "in", some).execute(),
    );
    if (outer.length > 0) await handleEach(outer, failed);
  }

  function inLine<R>(act: () => Promise<R>): Promise<R> {
    const turn = line.then(act);
    line = ended(turn);
    return turn;
  }

  async function handleAll(): Promise<void> {
    const failures: unknown[] = [];
    await handleEach(await rows(), (error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  async function survey(): Promise<readonly GarbagePlace[]> {
    const deleted = (await rows()).map(({ ns, uri }) => ({ why: "deleted", namespace: ns, uri }) as const);
    const listed = new Set(deleted.map(({ uri }) => uri));
    const unknown = (await unknownRuns(options)).filter(({ uri }) => !listed.has(uri));
    return [...deleted, ...unknown].toSorted((a, b) => (a.uri < b.uri ? -1 : 1));
  }

  async function measured(places: readonly GarbagePlace[]) {
    const found = [];
    for (const place of places) {
      const store = artifacts.in(place.namespace);
      const kept = await keptWithin(place.uri);
      const parts = kept.length === 0 ? [place.uri] : await partsWithout(store, place.uri, kept);
      let bytes = 0;
      for (const part of parts) bytes += await sizeOf(store, part);
      if (bytes > 0 || kept.length === 0) found.push({ ...place, bytes });
    }
    return found;
  }

  return {
    survey: async () => measured(await survey()),
    hold: inLine,
    collect: () =>
      inLine(async () => {
        const found = await measured(await survey());
        const unknown = found.filter(({ why }) => why === "unknown");
        await tryEach([() => tryEach(unknown, ({ namespace, uri }) => free(namespace, uri)), handleAll], (act) =>
          act(),
        );
        return found;
      }),
    controller: {
      name: "storage-garbage",
      async start(signal) {
        const since = await records.sequence();
        void follow(since, signal);
      },
    },
  };

  async function follow(since: number, signal: AbortSignal): Promise<void> {
    await inLine(handleAll).catch(onError);
    try {
      for await (const batch of records.changes({ kind: changes, since, signal })) {
        const places = batch.map(({ ns, key }) => ({ ns, uri: key }));
        await inLine(() => handleEach(places, onError)).catch(onError);
      }
    } catch (error) {
      if (signal.aborted) return;
      // Too much was deleted at once to hear of each: look at all of it again.
      if (!isApiError(error, "Expired")) onError(error);
      void follow(await records.sequence(), signal);
    }
  }
}

/** The artifact in a run's directory that a file lies in, by its path there. */
const partOf = (uri: string, path: string): string => `${uri}/${path.split("/").slice(0, artifactDepth).join("/")}`;

/** The places that hold this one, below a bucket's first folder, the outermost first. */
function placesAround(uri: string): readonly string[] {
  const segments = uri.split("/");
  return segments.slice(4).map((_, index) => segments.slice(0, index + 4).join("/"));
}

/** Tries the rest though one fails, and rejects with what failed first. */
async function tryEach<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) await act(item).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** 0 where nobody can say: there is too much of it to count, or it lies elsewhere and is not reached. */
async function sizeOf(store: ArtifactStore, uri: string): Promise<number> {
  try {
    return (await store.stat(uri))?.size ?? 0;
  } catch (error) {
    if (isApiError(error)) return 0;
    throw error;
  }
}

/** Resolves once it is over, whatever became of it. */
async function ended(act: Promise<unknown>): Promise<void> {
  await act.catch(() => {});
}

/**
 * Directories of runs, and of their logs, that no record knows: from before bytes were freed, or from a deletion amid their writing. Not
 * those into which an S3 client put something: a run of a cluster has its artifacts there, and whoever brought them wants them.
 */
async function unknownRuns({ objects, records, homeNamespace }: GarbageOptions): Promise<readonly GarbagePlace[]> {
  const found: { id: string; namespace: string; bucket: string; folder: string }[] = [];
  const note = (namespace: string, bucket: string, folder: string): void => {
    const id = folder.split("/").at(-2) ?? "";
    if (uuid.test(id)) found.push({ id, namespace, bucket, folder });
  };
  for await (const folder of foldersIn(objects, logBucket, "")) note(homeNamespace, logBucket, folder);
  const roots = [{ namespace: homeNamespace, root: "v2/artifacts/" }];
  for await (const folder of foldersIn(objects, pipelineBucket, "private-artifacts/")) {
    roots.push({ namespace: folder.split("/")[1] ?? "", root: `${folder}v2/artifacts/` });
  }
  for (const { namespace, root } of roots) {
    for await (const pipeline of foldersIn(objects, pipelineBucket, root)) {
      for await (const run of foldersIn(objects, pipelineBucket, pipeline)) note(namespace, pipelineBucket, run);
    }
  }
  const places: GarbagePlace[] = [];
  for (const chunk of chunksOf(found)) {
    const known = await records
      .all()
      .db.selectFrom("run")
      .select("id")
      .where(
        "id",
        "in",
        chunk.map(({ id }) => id),
      )
      .execute();
    const ids = new Set(known.map(({ id }) => id));
    for (const { id, namespace, bucket, folder } of chunk) {
      if (ids.has(id) || (await hasObjects(records, bucket, folder))) continue;
      places.push({ why: "unknown", namespace, uri: `minio://${bucket}/${folder.slice(0, -1)}` });
    }
  }
  return places;
}

async function* foldersIn(objects: ObjectFiles, bucket: string, prefix: string): AsyncGenerator<string> {
  for await (const { key, isFolder } of objects.entries(bucket, { prefix, after: "", shallow: true })) {
    if (isFolder && key !== prefix) yield key;
  }
}
