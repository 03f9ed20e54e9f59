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
