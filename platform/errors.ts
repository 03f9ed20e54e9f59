/** Headrace cannot use this data directory, port or setting. `remedy` is the line that tells the user what to do. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}
