/** Somebody else listens there already. Thrown by `listen`. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";
  readonly code = "PORT_TAKEN";
  readonly port: number;

  constructor(host: string, port: number, holder: string | undefined, options?: ErrorOptions) {
    const by = holder === undefined ? "another program, which this user may not look at" : holder;
    super(
      `Cannot listen on ${host}:${port}: it is held by ${by}. Stop it, or choose another port (0 picks a free one)`,
      options,
    );
    this.port = port;
  }
}

/** The address cannot be listened on for another reason: no such address, no right to it, a path too long. Thrown by `listen`. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code = "LISTEN_FAILED";

  constructor(address: string, options: { readonly cause: unknown }) {
    const why = options.cause instanceof Error ? options.cause.message : String(options.cause);
    super(`Cannot listen on ${address}: ${why}`, options);
  }
}

/** Two routes claim the same requests. Thrown when the gateway is created. */
export class RouteError extends Error {
  override readonly name = "RouteError";
  readonly code = "ROUTE_INVALID";
}
