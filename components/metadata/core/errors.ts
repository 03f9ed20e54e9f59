/** A filter that cannot be understood: what is wrong and where, counted in characters from 1. The caller's own mistake. */
export class FilterError extends Error {
  override readonly name = "FilterError";

  constructor(what: string, at: number) {
    super(`Invalid \`filter_query\`: ${what} [at ${at + 1}]`);
  }
}
