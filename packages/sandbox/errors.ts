/**
 * - `already-started`: the id was started before (caller's mistake, or a restart that forgot to `sync`).
 * - `invalid`: the specification was refused; the message names the field.
 * - `not-found`: no such container runs.
 * - `busy`: a bound was reached; try again when something has ended.
 * - `start-failed`: the container's program could not be run; the exit with reason `StartError` is delivered as well.
 * - `no-cell`: the host refused a cell's namespaces, or the environment's interpreter does not start.
 * - `no-launcher`: the launcher cannot be started here; the message says what this host lacks.
 * - `launcher-lost`: the launcher went away before it answered; what became of the request, `sync` tells.
 * - `closed`: this door was closed by `disconnect` or `shutdown`.
 * - `internal`: a fault of the launcher's own; its log has the trace.
 */
export const sandboxErrorCodes = [
  "already-started",
  "invalid",
  "not-found",
  "busy",
  "start-failed",
  "no-cell",
  "no-launcher",
  "launcher-lost",
  "closed",
  "internal",
] as const;

export type SandboxErrorCode = (typeof sandboxErrorCodes)[number];

/** What the sandbox could not do, with the state that prevented it. */
export class SandboxError extends Error {
  readonly code: SandboxErrorCode;

  constructor(code: SandboxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SandboxError";
    this.code = code;
  }
}
