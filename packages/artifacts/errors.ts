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

/** A key names no path beneath a bucket, or a bucket's name is none. `fault` says what is wrong with it. */
export class ObjectKeyError extends Error {
  override readonly name = "ObjectKeyError";
  readonly code = "artifacts/object-key";
  readonly fault: string;

  constructor(key: string, fault: string) {
    super(`Cannot use the object key "${key.slice(0, 200)}": it has ${fault}`);
    this.fault = fault;
  }
}

/** Keys are paths: an object cannot take the place of a folder that holds others, nor lie beneath another object. */
export class ObjectInTheWayError extends Error {
  override readonly name = "ObjectInTheWayError";
  readonly code = "artifacts/object-in-the-way";

  constructor(key: string, options?: ErrorOptions) {
    super(`Cannot write "${key}": a folder of objects lies there, or an object on the way to it`, options);
  }
}

/** A remote store refused, failed or was not reached. `status` is its HTTP status, 0 if there was no answer. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  readonly code = "artifacts/remote";
  readonly status: number;

  constructor(host: string, what: string, status: number, options?: ErrorOptions) {
    super(`The store at ${host} ${status === 0 ? "cannot be reached" : `answered ${status}`}: ${what}`, options);
    this.status = status;
  }
}

/** A store's address is one that Headrace never fetches from: this machine's own, or a cloud's place for credentials. */
export class ForbiddenAddressError extends Error {
  override readonly name = "ForbiddenAddressError";
  readonly code = "artifacts/forbidden-address";

  constructor(host: string, address: string) {
    super(
      `Cannot fetch from ${host}: ${address} is an address of this machine or of a cloud's metadata; ` +
        `\`headrace up --allow-store ${host}\` allows it`,
    );
  }
}
