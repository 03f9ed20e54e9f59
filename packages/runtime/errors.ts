/**
 * Thrown by a reconcile to say that trying again is useless until the object changes: it is reported and the key is forgotten.
 * Any other error is tried again after a back-off.
 */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}
