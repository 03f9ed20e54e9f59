import assert from "node:assert/strict";
import { test } from "node:test";
import { checksums, type ChecksumName } from "./checksums.ts";

/** Check values of the catalogue of CRCs (https://reveng.sourceforge.io/crc-catalogue/), and of FIPS 180. */
const known: Readonly<Record<ChecksumName, string>> = {
  crc32: "cbf43926",
  crc32c: "e3069283",
  crc64nvme: "ae8b14860a799888",
  sha1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
  sha256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
};

test("each checksum of 123456789 is the known one, in one piece and in several", () => {
  for (const [name, expected] of Object.entries(known)) {
    for (const pieces of [["123456789"], ["1", "2345", "", "6789"]]) {
      const checksum = checksums[name as ChecksumName]();
      for (const piece of pieces) checksum.update(Buffer.from(piece));
      assert.equal(checksum.digest().toString("hex"), expected, name);
    }
  }
});
