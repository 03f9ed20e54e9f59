/** The server was put together in a way that cannot work: two definitions for one path, a handler for a subresource that nobody declares. Thrown at start. */
export class ServerMisconfigured extends Error {
  override readonly name = "ServerMisconfigured";
  readonly code = "apiserver/misconfigured";
}
