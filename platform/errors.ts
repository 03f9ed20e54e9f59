/** Headrace cannot use this data directory, port or setting. `remedy` is the line that tells the user what to do. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

/** Nothing that was acknowledged is lost by it. */
export function diskFull(directory: string, cause: unknown): StartError {
  return new StartError(
    `Cannot start on ${directory}: its disk is full`,
    "Free some space there, then start again; everything goes on from where it was",
    { cause },
  );
}
