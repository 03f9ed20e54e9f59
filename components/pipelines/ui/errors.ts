/** Something that the reader asked for could not be done; the message is in the reader's language and names the thing. */
export class ActionError extends Error {
  override readonly name = "ActionError";
}
