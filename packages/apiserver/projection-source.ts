import { setImmediate } from "node:timers/promises";
import { badRequest, type KubeObject, type ObjectList, type Projection, type ProjectionQuery } from "@headrace/model";
import type { Selection } from "./selection.ts";
import { inPieces, pieceSize, versionOf, type Page, type PageQuery, type Source, type Version } from "./source.ts";

/** Objects of one answer, whatever limit was asked for; more follow by `continue`. */
const longestPage = 5_000;

/**
 * Reads of records that are shown as a kind, piece by piece. What of a selector the projection cannot answer is sifted here. A list
 * is of the moment of its first piece, or of a later one: a watch from its resourceVersion tells what has changed since.
 */
export function projectionSource(projection: Projection): Source {
  const queryOf = (namespace: string, { fields, labels, search }: Selection): ProjectionQuery => ({
    namespace,
    fields,
    labels,
    ...(search.length > 0 && { search }),
  });

  const listPiece = ({ namespace, selection }: PageQuery, limit: number, token: string | undefined) =>
    projection.list({
      ...queryOf(namespace, selection),
      limit: Math.min(limit, pieceSize),
      ...(token !== undefined && { continue: token }),
    });

  /** Nobody has to follow a list that was asked for without a limit, and no more than a piece of it is in memory. */
  async function everything(query: PageQuery): Promise<Page> {
    const first = await listPiece(query, pieceSize, query.continue);
    const { metadata } = first;
    return {
      versions: chosen(first, query.selection),
      ...(metadata.continue && { rest: piecesAfter(query, metadata.continue) }),
      resourceVersion: metadata.resourceVersion ?? "0",
    };
  }

  async function* piecesAfter(query: PageQuery, token: string): AsyncGenerator<readonly Version[]> {
    let next: string | undefined = token;
    while (next) {
      await setImmediate();
      const piece: ObjectList<KubeObject> = await listPiece(query, pieceSize, next);
      yield chosen(piece, query.selection);
      next = piece.metadata.continue;
    }
  }

  async function limited(query: PageQuery, limit: number): Promise<Page> {
    const versions: Version[] = [];
    let resourceVersion: string | undefined;
    let token = query.continue;
    let left = limit;
    for (;;) {
      const asked = Math.min(left, pieceSize);
      const piece = await listPiece(query, asked, token);
      versions.push(...chosen(piece, query.selection));
      left -= piece.items.length;
      token = piece.metadata.continue;
      resourceVersion ??= piece.metadata.resourceVersion;
      // A projection that gives less than it was asked for wants its answers no longer than that.
      if (!token || left <= 0 || piece.items.length < asked) break;
      await setImmediate();
    }
    return {
      ...inPieces(versions),
      resourceVersion: resourceVersion ?? "0",
      ...(token && { continue: token }),
    };
  }

  return {
    async get(key) {
      const object = await projection.get(key);
      return object && versionOf(object);
    },
    async page(query) {
      if (query.at !== undefined) {
        throw badRequest(
          `Cannot list ${projection.definition.plural} at an exact resourceVersion: they are a view of records, which keep no past states. Leave out resourceVersionMatch=Exact`,
        );
      }
      return query.limit === undefined ? everything(query) : limited(query, Math.min(query.limit, longestPage));
    },
    async *changes({ namespace, selection, since, signal, bookmarkMs }) {
      for await (const { type, object } of projection.watch({ ...queryOf(namespace, selection), since, signal })) {
        if (type === "ERROR") return;
        if (type === "BOOKMARK") {
          if (bookmarkMs !== undefined)
            yield { type, resourceVersion: object.metadata.resourceVersion ?? String(since) };
          continue;
        }
        const change = sift(type, object, selection);
        if (change) yield { type: change, version: versionOf(object) };
      }
    },
  };
}

function chosen({ items }: ObjectList<KubeObject>, selection: Selection): readonly Version[] {
  return (selection.selectsAll ? items : items.filter((object) => selection.matches(object))).map(versionOf);
}

/**
 * Without the state before it, a change to an object outside the selection may be one that left it, and of one that is gone there
 * may be too little left to tell: a deletion of something unknown does no harm, one that is not told does.
 */
function sift(
  type: "ADDED" | "MODIFIED" | "DELETED",
  object: KubeObject,
  selection: Selection,
): typeof type | undefined {
  if (selection.selectsAll || selection.matches(object)) return type;
  return type === "ADDED" ? undefined : "DELETED";
}
