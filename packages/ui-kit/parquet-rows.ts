import { gunzipSync } from "fflate";
import { decompress } from "fzstd";
import { parquetMetadataAsync, parquetReadObjects, parquetSchema, type AsyncBuffer } from "hyparquet";
import type { ContentReader, RowSource } from "./row-source.ts";

/** Snappy is built in. WebAssembly is not to be had under our content policy, so what else there is is plain JavaScript. */
const compressors = {
  GZIP: (input: Uint8Array, length: number) => gunzipSync(input, { out: new Uint8Array(length) }),
  ZSTD: (input: Uint8Array, length: number) => decompress(input, new Uint8Array(length)),
};

/** A table from a Parquet file: its footer now, its rows by the ranges that hold them. */
export async function parquetRows(reader: ContentReader): Promise<RowSource> {
  const file: AsyncBuffer = {
    byteLength: reader.size,
    slice: async (start, end = reader.size) => (await reader.read(start, end)).buffer,
  };
  const metadata = await parquetMetadataAsync(file);
  const columns = parquetSchema(metadata).children.map((child) => child.element.name);
  return {
    columns,
    count: Number(metadata.num_rows),
    cut: false,
    async rows(rowStart, rowEnd) {
      const objects = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors });
      return objects.map((row) => columns.map((column) => row[column]));
    },
  };
}
