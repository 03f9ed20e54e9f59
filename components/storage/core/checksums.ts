import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** A checksum that is fed as bytes come. */
export interface Checksum {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

/** S3's checksums beside Content-MD5, by the name that headers end with: `x-amz-checksum-crc32`. */
export const checksums = {
  crc32: () => crcOf32((bytes, value) => crc32(bytes, value)),
  crc32c: () => crcOf32(crc32c),
  crc64nvme,
  sha1: () => hashOf("sha1"),
  sha256: () => hashOf("sha256"),
} as const satisfies Readonly<Record<string, () => Checksum>>;

export type ChecksumName = keyof typeof checksums;

/** All that is computed of bytes: the checksums, and what an ETag and Content-MD5 are. */
export const digests = { ...checksums, md5: () => hashOf("md5") } as const;

export type DigestName = keyof typeof digests;

export const checksumNames = Object.keys(checksums).filter(isChecksumName);

export function isChecksumName(name: string): name is ChecksumName {
  return Object.hasOwn(checksums, name);
}

function hashOf(algorithm: "md5" | "sha1" | "sha256"): Checksum {
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}

function crcOf32(step: (bytes: Uint8Array, value: number) => number): Checksum {
  let value = 0;
  return {
    update(bytes) {
      value = step(bytes, value);
    },
    digest() {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(value >>> 0);
      return digest;
    },
  };
}

/** Castagnoli's polynomial, bits reversed (RFC 3720, B.4). */
const castagnoli = 0x82f63b78;

/** Eight tables, so that eight bytes are taken at a time ("slicing by 8"). */
const castagnoliTables = tablesOf32(castagnoli, 8);

function tablesOf32(polynomial: number, count: number): readonly Int32Array[] {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
  const tables = [first];
  for (let n = 1; n < count; n += 1) {
    const before = tables[n - 1] ?? first;
    tables.push(before.map((value) => (value >>> 8) ^ (first[value & 255] ?? 0)));
  }
  return tables;
}

function crc32c(bytes: Uint8Array, start: number): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = castagnoliTables;
  if (!t0 || !t1 || !t2 || !t3 || !t4 || !t5 || !t6 || !t7) throw new TypeError("There are eight tables");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length - (bytes.length % 8);
  let value = ~start;
  let at = 0;
  for (; at < whole; at += 8) {
    const low = value ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    value =
      (t7[low & 255] ?? 0) ^
      (t6[(low >>> 8) & 255] ?? 0) ^
      (t5[(low >>> 16) & 255] ?? 0) ^
      (t4[low >>> 24] ?? 0) ^
      (t3[high & 255] ?? 0) ^
      (t2[(high >>> 8) & 255] ?? 0) ^
      (t1[(high >>> 16) & 255] ?? 0) ^
      (t0[high >>> 24] ?? 0);
  }
  for (; at < bytes.length; at += 1) value = (value >>> 8) ^ (t0[(value ^ (bytes[at] ?? 0)) & 255] ?? 0);
  return ~value;
}

/** The polynomial of NVMe's 64-bit guard, bits reversed, as two words: JavaScript's operators have 32 bits. */
const nvme = { high: 0x9a6c9329, low: 0xac4bc9b5 };

const nvmeTable = (() => {
  const high = new Int32Array(256);
  const low = new Int32Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let h = 0;
    let l = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      const carries = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (carries) {
        h ^= nvme.high;
        l ^= nvme.low;
      }
    }
    high[byte] = h;
    low[byte] = l;
  }
  return { high, low };
})();

function crc64nvme(): Checksum {
  let high = -1;
  let low = -1;
  return {
    update(bytes) {
      const { high: tableHigh, low: tableLow } = nvmeTable;
      let h = high;
      let l = low;
      for (let at = 0; at < bytes.length; at += 1) {
        const index = (l ^ (bytes[at] ?? 0)) & 255;
        l = ((l >>> 8) | (h << 24)) ^ (tableLow[index] ?? 0);
        h = (h >>> 8) ^ (tableHigh[index] ?? 0);
      }
      high = h;
      low = l;
    },
    digest() {
      const digest = Buffer.alloc(8);
      digest.writeUInt32BE(~high >>> 0, 0);
      digest.writeUInt32BE(~low >>> 0, 4);
      return digest;
    },
  };
}
