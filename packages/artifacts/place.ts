import { Folder } from "./beneath.ts";

/** An open folder, and the name in it that is meant. */
export interface Place extends AsyncDisposable {
  readonly folder: Folder;
  readonly name: string;
}

/** How a folder on the way is entered: undefined ends the way. */
export type Enter = (folder: Folder, name: string) => Promise<Folder | undefined>;

/** The folder that holds the last of the segments, entered one by one; undefined if one of them is not there. */
export async function descend(root: string, segments: readonly string[], enter: Enter): Promise<Place | undefined> {
  const name = segments.at(-1) ?? "";
  let folder = await Folder.open(root);
  for (const segment of segments.slice(0, -1)) {
    await using outer = folder;
    const inner = await enter(outer, segment);
    if (!inner) return undefined;
    folder = inner;
  }
  return { folder, name, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}
