/** What lies at a place is not plain files and folders: following it could lead out of the store. `path` is relative to the store's root. */
export class NotPlainError extends Error {
  override readonly name = "NotPlainError";
  readonly code = "artifacts/not-plain";
  readonly path: string;
  readonly found: string;

  constructor(path: string, found: string, options?: ErrorOptions) {
    super(`Cannot follow "${path}": it is ${found}, and only plain files and folders are read`, options);
    this.path = path;
    this.found = found;
  }
}

/** A tree holds more than may be read at once. */
export class TooMuchError extends Error {
  override readonly name = "TooMuchError";
  readonly code = "artifacts/too-much";

  constructor(what: string) {
    super(`Cannot read the tree: it has more than ${what}`);
  }
}
