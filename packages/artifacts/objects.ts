/**
 * The local store's own files, by bucket and key: an artifact that a step wrote is an object, and the other way round. Keys are
 * paths, so an object cannot lie beneath another. Every name is looked up without following links.
 */
export interface ObjectFiles {
  /** In the order of their names. */
  buckets(): Promise<readonly BucketFacts[]>;
  bucket(name: string): Promise<BucketFacts | undefined>;
  /** False if it is there already. Throws ObjectKeyError if the name is none. */
  createBucket(name: string): Promise<boolean>;
  removeBucket(name: string): Promise<"removed" | "missing" | "not-empty">;
  /** A folder is an object whose key ends with a slash. Throws ObjectKeyError for keys that are no paths. */
  find(at: ObjectPlace): Promise<ObjectFacts | undefined>;
  /** The bytes as they are now, whatever replaces them later. The caller closes it. */
  open(at: ObjectPlace): Promise<OpenObject | undefined>;
  /**
   * Takes bytes in, at the pace at which they come, and makes them durable; nobody sees them until they are placed. It is done with a
   * piece when it asks for the next.
   */
  stage(content: AsyncIterable<Uint8Array>, see?: See): Promise<StagedObject>;
  /** One object of several that were staged, in order. */
  join(parts: readonly string[], see?: See, signal?: AbortSignal): Promise<StagedObject>;
  /** Shows what was staged under its key, in place of what was there, durably. Throws ObjectInTheWayError. */
  place(staged: StagedObject, at: ObjectPlace): Promise<ObjectFacts>;
  /** Makes a folder. Throws ObjectInTheWayError. */
  createFolder(at: ObjectPlace): Promise<ObjectFacts>;
  /** False if there is none. Folders that hold nothing any more go too. */
  remove(at: ObjectPlace): Promise<boolean>;
  /** In the order of keys. With `shallow` a folder is one entry, and what lies in it is not looked at. */
  entries(bucket: string, query: EntryQuery): AsyncIterable<ObjectEntry>;
  readonly uploads: UploadFiles;
}

/**
 * Is told of bytes in their order, some of them before it is done with others. They lie in a SharedArrayBuffer, for other threads to
 * look at, and are used again once it is done with them. What it throws ends the staging.
 */
export type See = (bytes: Uint8Array) => void | Promise<void>;

export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

export interface BucketFacts {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface ObjectFacts {
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
  readonly isFolder: boolean;
}

export interface OpenObject extends AsyncDisposable {
  readonly facts: ObjectFacts;
  /** From `start` to before `end`. */
  read(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** As `read`, for a reader that is done with a chunk when it asks for the next: their memory is used again. */
  stream(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A file that is complete and has no name yet. Disposing removes it, if it was not placed. */
export interface StagedObject extends AsyncDisposable {
  readonly path: string;
  readonly size: number;
}

export interface EntryQuery {
  readonly prefix: string;
  /** Keys up to and including this one are left out. */
  readonly after: string;
  readonly shallow: boolean;
  /** Whether a folder may be looked into; its path ends with a slash. */
  readonly mayEnter?: (path: string) => Promise<boolean>;
}

export interface ObjectEntry extends ObjectFacts {
  readonly key: string;
}

/** Objects that come in parts, which wait in a folder of their upload until it is completed. */
export interface UploadFiles {
  create(id: string, description: string): Promise<void>;
  list(): Promise<readonly string[]>;
  describe(id: string): Promise<string | undefined>;
  /** Names are the caller's: file names. A part of the same name is replaced. */
  keep(id: string, name: string, staged: StagedObject): Promise<void>;
  parts(id: string): Promise<readonly UploadedPart[]>;
  drop(id: string, names: readonly string[]): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface UploadedPart {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly modifiedAt: number;
}
