import type { LineageTables } from "@headrace/records";

/** What S3 clients said of their objects, beside the files themselves. Times in milliseconds; JSON columns hold text. */
export interface StorageTables extends LineageTables {
  storage_bucket: BucketTable;
  storage_object: ObjectTable;
}

/** Whose a bucket is; one without a row is the home namespace's. */
export interface BucketTable {
  name: string;
  ns: string;
  created_at: number;
}

/** Counts only while the file has the size and time said here: a step may have written there since. */
export interface ObjectTable {
  bucket: string;
  key: string;
  ns: string;
  size: number;
  modified_at: number;
  etag: string;
  /** JSON object: headers to answer with, `x-amz-meta-…` among them. */
  headers: string;
  /** JSON object: base64 by the checksum's name. */
  checksums: string;
}
