/** Why the pages could not be built or opened. `dashboard/not-built`: there is neither a built dashboard nor the means to build one. `dashboard/no-browser`: no browser was found. */
export class DashboardError extends Error {
  override readonly name = "DashboardError";
  readonly code: "dashboard/not-built" | "dashboard/no-browser";
  /** What the reader can do about it. */
  readonly remedy: string;

  constructor(code: DashboardError["code"], message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}
