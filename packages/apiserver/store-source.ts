import { apiVersionOf, type KubeObject, type ResourceDefinition } from "@headrace/model";
import { CompactedError, type Store, type Stored, type StoreChange, type StoreList } from "@headrace/store";
import { decodeContinuation, encodeContinuation, type Continuation } from "./continue-token.ts";
import { expired, revisionTooLarge } from "./errors.ts";
import type { Selection } from "./selection.ts";
import { inPieces, versionOf, type Change, type Page, type PageQuery, type Source, type Version } from "./source.ts";

/** Objects looked at in one go for a page of a selection. */
const stride = 1_000;

/**
 * Reads of one resource of the store. `shownAs` is given where several versions of the kind share the store's objects: they are
 * shown in its apiVersion, whichever they were written in.
 */
export function storeSource(store: Store, resource: string, shownAs?: ResourceDefinition): Source {
  const shown =
    shownAs === undefined ? (stored: Stored): Version => stored : (stored: Stored) => inVersion(stored, shownAs);

  async function page({ namespace, selection, limit, continue: token, at, notBefore }: PageQuery): Promise<Page> {
    const from = token === undefined ? undefined : decodeContinuation(token);
    const asked = from?.revision ?? at ?? notBefore ?? 0;
    if (asked > store.revision) throw revisionTooLarge(asked, store.revision);
    if (selection.name !== undefined && namespace !== "" && from === undefined && at === undefined) {
      return oneByName(namespace, selection.name, selection);
    }

    const versions: Version[] = [];
    let scanned = from;
    let last = from;
    let revision = from?.revision ?? at;
    for (;;) {
      const list = await listFrom(
        namespace,
        scanned,
        revision,
        selection.selectsAll || limit === undefined ? limit : stride,
      );
      ({ revision } = list);
      for (const stored of list.items) {
        if (!selection.selectsAll && !selection.matches(stored.object)) continue;
        if (versions.length === limit) return cutPage(versions, revision, last);
        versions.push(shown(stored));
        last = { revision, namespace: stored.namespace, name: stored.name };
      }
      if (!list.more) return { ...inPieces(versions), resourceVersion: String(revision) };
      if (selection.selectsAll) return { ...cutPage(versions, revision, last), remaining: list.remaining };
      const end = list.items.at(-1);
      if (end) scanned = { revision, namespace: end.namespace, name: end.name };
    }
  }

  async function oneByName(namespace: string, name: string, selection: Selection): Promise<Page> {
    const { revision } = store;
    const stored = await store.get({ resource, namespace, name });
    const versions = stored && selection.matches(stored.object) ? [shown(stored)] : [];
    return { versions, resourceVersion: String(revision) };
  }

  async function listFrom(
    namespace: string,
    after: Continuation | undefined,
    at: number | undefined,
    limit: number | undefined,
  ): Promise<StoreList> {
    try {
      return await store.list({
        resource,
        namespace,
        ...(after && { after }),
        ...(at !== undefined && { at }),
        ...(limit !== undefined && { limit }),
      });
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      throw after === undefined
        ? expired(`The resourceVersion for the provided list is too old: ${at} (${error.oldest})`)
        : expired(
            "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
          );
    }
  }

  return {
    async get(key) {
      const stored = await store.get({ resource, ...key });
      return stored && shown(stored);
    },
    page,
    async *changes({ namespace, selection, since, signal, bookmarkMs }) {
      if (since > store.revision) throw revisionTooLarge(since, store.revision);
      const progress = bookmarkMs === undefined ? {} : { progressMs: bookmarkMs };
      try {
        for await (const event of store.watch({ resource, since, signal, ...progress })) {
          if (event.type === "PROGRESS") {
            yield { type: "BOOKMARK", resourceVersion: String(event.revision) };
            continue;
          }
          const change = changeFor(event, namespace, selection, shown);
          if (change) yield change;
        }
      } catch (error) {
        if (!(error instanceof CompactedError)) throw error;
        throw expired(`too old resource version: ${error.asked} (${error.oldest})`);
      }
    },
  };
}

function cutPage(versions: readonly Version[], revision: number, last: Continuation | undefined): Page {
  return {
    ...inPieces(versions),
    resourceVersion: String(revision),
    ...(last && { continue: encodeContinuation({ ...last, revision }) }),
  };
}

/** An object that leaves the selection is deleted for those who watch it: they get what it was, with the revision at which it left. */
function changeFor(
  { type, stored, previous }: StoreChange,
  namespace: string,
  selection: Selection,
  shown: (stored: Stored) => Version,
): Change | undefined {
  if (namespace !== "" && stored.namespace !== namespace) return undefined;
  if (selection.selectsAll) return { type, version: shown(stored) };
  const was = previous !== undefined && selection.matches(previous);
  const is = type !== "DELETED" && selection.matches(stored.object);
  if (is) return { type: was ? "MODIFIED" : "ADDED", version: shown(stored) };
  if (!was) return undefined;
  if (type === "DELETED") return { type, version: shown(stored) };
  const left = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(stored.revision) } };
  return { type: "DELETED", version: versionOf(left) };
}

const conversions = new WeakMap<KubeObject, Version>();

/** The same object in another version of its kind. Versions of a kind share one shape, so that only the apiVersion differs. */
function inVersion(stored: Stored, definition: ResourceDefinition): Version {
  const apiVersion = apiVersionOf(definition);
  if (stored.object.apiVersion === apiVersion) return stored;
  const known = conversions.get(stored.object);
  if (known?.object.apiVersion === apiVersion) return known;
  const version = versionOf(Object.freeze({ ...stored.object, apiVersion }));
  conversions.set(stored.object, version);
  return version;
}
