/** A key, certificate or token file of the data directory is there but cannot be used. Thrown at start. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
  readonly code = "KEY_FILE_UNUSABLE";

  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`Cannot use ${path}: ${why}. Restore it from a backup, or move it away to have a new one made`, options);
  }
}

/** A user token or service account token was asked for that may not be given. */
export class TokenRequestError extends Error {
  override readonly name = "TokenRequestError";
  readonly code = "TOKEN_REQUEST_INVALID";
  /** The field of the request that is wrong. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** An address that others reach is to be listened on in a mode that trusts whoever comes from this machine. */
export class UnsafeAddressError extends Error {
  override readonly name = "UnsafeAddressError";
  readonly code = "ADDRESS_UNSAFE";

  constructor(host: string) {
    super(
      `Cannot listen on ${host} with --auth local: other machines reach that address, and this mode knows no passwords. Use --auth token, or listen on 127.0.0.1`,
    );
  }
}
