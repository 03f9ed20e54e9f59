import assert from "node:assert/strict";
import { test } from "node:test";
import { readChunked } from "./chunked.ts";
import { S3Error } from "./errors.ts";
import { type ChunkSigner, readClaim } from "./signature.ts";

/** The examples of "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" in S3's API reference. */
const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const credential = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";

function signerOf(seed: string): ChunkSigner {
  const claim = readClaim({
    method: "PUT",
    path: "/examplebucket/chunkObject.txt",
    query: new URLSearchParams(),
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=host,Signature=${seed}`,
      "x-amz-date": "20130524T000000Z",
    },
  });
  assert.ok(claim);
  return claim.chunkSigner(secret);
}

const chunk = (size: number, signature: string): string =>
  `${size.toString(16)};chunk-signature=${signature}\r\n${"a".repeat(size)}\r\n`;

/** The text in pieces of a size that falls nowhere in particular; each is gone when the next is asked for, as a socket's are. */
async function* pieces(text: string, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += size) {
    const piece = new Uint8Array(Buffer.from(text.slice(at, at + size), "latin1"));
    yield piece;
    piece.buffer.transfer(0);
  }
}

async function take(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks = [];
  for await (const each of bytes) chunks.push(Buffer.from(each));
  return Buffer.concat(chunks).toString("latin1");
}

const signed = [
  chunk(65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
  chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
  chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
].join("");
const seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

test("the reference's signed chunks are taken, however they arrive", async () => {
  for (const size of [7, 1000, 100_000]) {
    const body = readChunked(pieces(signed, size), signerOf(seed));
    assert.equal((await take(body.bytes)).length, 66_560);
  }
});

test("one changed byte breaks the chain of signatures", async () => {
  const body = readChunked(pieces(signed.replace("aaaa", "aaab")), signerOf(seed));
  await assert.rejects(take(body.bytes), (error) => error instanceof S3Error && error.code === "SignatureDoesNotMatch");
});

test("trailing headers are read, and checked where they are signed", async () => {
  const text = [
    chunk(65_536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
    chunk(1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
    "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n",
    "x-amz-checksum-crc32c:sOO8/Q==\r\n",
    "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
  ].join("");
  const start = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
  const body = readChunked(pieces(text), signerOf(start));
  await take(body.bytes);
  assert.deepEqual([...body.trailers], [["x-amz-checksum-crc32c", "sOO8/Q=="]]);
  const forged = readChunked(pieces(text.replace("sOO8", "sOO9")), signerOf(start));
  await assert.rejects(
    take(forged.bytes),
    (error) => error instanceof S3Error && error.code === "SignatureDoesNotMatch",
  );
});

test("a body that ends early or lies about its chunks is refused", async () => {
  const broken = ["5\r\nabc", "zz\r\n", "3\r\nabcd\r\n0\r\n\r\n", `${"0".repeat(5000)}`, "3\r\nabc\r\n"];
  for (const text of broken) {
    await assert.rejects(
      take(readChunked(pieces(text), undefined).bytes),
      (error) => error instanceof S3Error && error.code === "IncompleteBody",
      text.slice(0, 20),
    );
  }
});
