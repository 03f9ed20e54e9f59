import { setImmediate } from "node:timers/promises";
import type { KubeObject, ObjectKey } from "@headrace/model";
import type { Selection } from "./selection.ts";

/** One version of one object, with its JSON. */
export interface Version {
  readonly object: KubeObject;
  readonly bytes: Uint8Array;
}

/** Where the objects of a kind are read: the store, or a projection of records. */
export interface Source {
  get(key: ObjectKey): Promise<Version | undefined>;
  page(query: PageQuery): Promise<Page>;
  /** Changes after `since` until the signal aborts. Throws ApiError Expired when they are not known any more. */
  changes(query: ChangesQuery): AsyncIterable<Change>;
}

export interface PageQuery {
  /** Empty for all. */
  readonly namespace: string;
  readonly selection: Selection;
  readonly limit?: number;
  readonly continue?: string;
  /** Exactly this revision. */
  readonly at?: number;
  /** This revision or a later one. */
  readonly notBefore?: number;
}

export interface Page {
  /** All of the page, or where `rest` is there the first piece of it. */
  readonly versions: readonly Version[];
  /** What follows, to be read once: piece by piece, and between two of them others have their turn. */
  readonly rest?: AsyncIterable<readonly Version[]>;
  readonly resourceVersion: string;
  readonly continue?: string;
  /** Known only where no selector is in the way. */
  readonly remaining?: number;
}

export interface ChangesQuery {
  readonly namespace: string;
  readonly selection: Selection;
  readonly since: number;
  readonly signal: AbortSignal;
  /** Bookmarks are wanted after this many milliseconds without a change. */
  readonly bookmarkMs?: number;
}

/** What a watcher with this namespace and selection is told. */
export type Change =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly version: Version }
  /** Everything up to this resourceVersion has been told. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** Objects that are read and written in one go: whoever lists thousands must not keep everybody else waiting. */
export const pieceSize = 200;

/** What is in memory already, as the objects of a page. */
export function inPieces(versions: readonly Version[]): Pick<Page, "versions" | "rest"> {
  if (versions.length <= pieceSize) return { versions };
  return { versions: versions.slice(0, pieceSize), rest: piecesAfter(versions, pieceSize) };
}

async function* piecesAfter(versions: readonly Version[], start: number): AsyncGenerator<readonly Version[]> {
  for (let from = start; from < versions.length; from += pieceSize) {
    await setImmediate();
    yield versions.slice(from, from + pieceSize);
  }
}

/** All objects of a page. */
export async function versionsOf({ versions, rest }: Page): Promise<readonly Version[]> {
  return rest === undefined ? versions : [versions, ...(await Array.fromAsync(rest))].flat();
}

const encoder = new TextEncoder();

/** A version whose JSON is made when somebody asks for it. */
export function versionOf(object: KubeObject): Version {
  let bytes: Uint8Array | undefined;
  return {
    object,
    get bytes() {
      return (bytes ??= encoder.encode(JSON.stringify(object)));
    },
  };
}
