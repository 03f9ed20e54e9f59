/** The browser would not fill the clipboard. Thrown to whoever copies, who then does not say that it was done. */
export class CopyError extends Error {
  override readonly name = "CopyError";
  readonly code = "copy";

  constructor() {
    super("Cannot copy: the browser does not let this page fill the clipboard");
  }
}

/** A request of a page that failed. Thrown by Requester and shown by ErrorPanel. `status` is 0 if no answer came at all. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code = "request";
  readonly status: number;
  readonly reason: string | undefined;
  readonly requestId: string | undefined;

  constructor(
    message: string,
    about: { readonly status: number; readonly reason?: string; readonly requestId?: string },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = about.status;
    this.reason = about.reason;
    this.requestId = about.requestId;
  }
}
