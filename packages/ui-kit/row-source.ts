/** Rows of a table that is too long to be loaded at once. */
export interface RowSource {
  readonly columns: readonly string[];
  readonly count: number;
  /** True if the file goes on beyond `count`. */
  readonly cut: boolean;
  /** Cells of rows `start` to `end`, without `end`. */
  rows(start: number, end: number): Promise<readonly (readonly unknown[])[]>;
}

/** Reads bytes of one file, without `to`. */
export interface ContentReader {
  readonly size: number;
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}
