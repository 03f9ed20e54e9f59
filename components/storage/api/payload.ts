import { readBody } from "@headrace/model";
import { readChunked } from "../core/chunked.ts";
import { checksumNames, type ChecksumName, isChecksumName } from "../core/checksums.ts";
import { S3Error } from "../core/errors.ts";
import { unsignedPayload } from "../core/signature.ts";
import type { Call, S3Context } from "./context.ts";
import type { Digest } from "./digest-threads.ts";

/** The largest object or part that comes in one request: 5 GiB, as in S3. */
const largestPayload = 5 * 2 ** 30;
/** The largest document. A list of 10,000 parts or of 1,000 keys fits. */
const largestDocument = 4 << 20;

const streaming: Readonly<Record<string, { readonly signed: boolean }>> = {
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": { signed: true },
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": { signed: true },
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER": { signed: false },
};

/** The bytes of a request with all that its headers promise of them. */
export interface Payload extends Disposable {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** To be told of the bytes in their order, and done with them when it has answered. Throws EntityTooLarge beyond the limit. */
  readonly see: (bytes: Uint8Array) => Promise<void>;
  /** After the last byte: throws if a promise is broken; else says what the bytes are. */
  finish(): Promise<Digests>;
}

export interface Digests {
  readonly md5: Buffer;
  /** The checksum that the client asked for, by its name: base64. */
  readonly checksum: { readonly name: ChecksumName; readonly value: string } | undefined;
}

/** Throws MissingContentLength, and InvalidRequest for promises of another form. The caller disposes of it. */
export function openPayload({ digests }: Pick<S3Context, "digests">, call: Call): Payload {
  const { headers } = call.request;
  const declared = headers["x-amz-content-sha256"] ?? (call.claim.isPresigned ? unsignedPayload : "");
  const { bytes, trailers } = rawPayload(call, declared);
  const length = call.request.body === undefined ? 0 : lengthOf(headers);
  const isHashed = /^[0-9a-f]{64}$/.test(declared);
  if (!isHashed && declared !== unsignedPayload && streaming[declared] === undefined) {
    throw new S3Error(
      "InvalidRequest",
      `x-amz-content-sha256 must be a SHA-256 in hex, ${unsignedPayload} or a STREAMING- form`,
    );
  }
  const name = checksumName(headers);
  const md5 = digests.open("md5", length);
  const sha256 = isHashed ? digests.open("sha256", length) : undefined;
  const checksum = name === undefined ? undefined : digests.open(name, length);
  const opened: readonly Digest[] = [md5, sha256, checksum].filter((each) => each !== undefined);
  let size = 0;
  return {
    bytes,
    async see(chunk) {
      size += chunk.length;
      if (size > largestPayload)
        throw new S3Error(
          "EntityTooLarge",
          "Your proposed upload exceeds the maximum allowed size of 5 GiB; upload it in parts",
        );
      await Promise.all(opened.map((each) => each.update(chunk)));
    },
    async finish() {
      if (length !== undefined && size !== length) {
        throw new S3Error("IncompleteBody", `${length} bytes were announced, and ${size} came`);
      }
      if (sha256 !== undefined && (await sha256.digest()).toString("hex") !== declared) {
        throw new S3Error(
          "XAmzContentSHA256Mismatch",
          "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
      }
      const digest = await md5.digest();
      const promised = headers["content-md5"];
      if (promised !== undefined && digest.toString("base64") !== promised) throw badDigest("Content-MD5");
      if (name === undefined || checksum === undefined) return { md5: digest, checksum: undefined };
      const value = (await checksum.digest()).toString("base64");
      const header = `x-amz-checksum-${name}`;
      const expected = headers[header] ?? trailers.get(header);
      if (expected !== undefined && expected !== value) throw badDigest(header);
      if (expected === undefined && headers["x-amz-trailer"] !== undefined) {
        throw new S3Error("IncompleteBody", `The trailing header ${header} was announced and did not come`);
      }
      return { md5: digest, checksum: { name, value } };
    },
    [Symbol.dispose]() {
      for (const each of opened) each[Symbol.dispose]();
    },
  };
}

/** A whole document, checked like any payload. */
export async function readDocument(context: Pick<S3Context, "digests">, call: Call): Promise<string> {
  using payload = openPayload(context, call);
  const limited = { ...call.request, headers: {}, body: copied(payload.bytes) };
  const bytes = await readBody(limited, largestDocument);
  await payload.see(bytes);
  await payload.finish();
  return Buffer.from(bytes).toString("utf8");
}

/** What is kept is copied: a piece of a request is gone when the next is asked for. */
async function* copied(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) yield Buffer.from(piece);
}

function rawPayload(
  { request, key, claim }: Call,
  declared: string,
): { bytes: AsyncIterable<Uint8Array>; trailers: ReadonlyMap<string, string> } {
  const body = request.body ?? nothing();
  const form = streaming[declared];
  if (form === undefined) return { bytes: body, trailers: new Map() };
  return readChunked(body, form.signed ? claim.chunkSigner(key.secret) : undefined);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Of the bytes themselves, without what lies between chunks; undefined if the client could not know. */
function lengthOf(headers: Readonly<Record<string, string>>): number | undefined {
  const text = headers["x-amz-decoded-content-length"] ?? headers["content-length"];
  if (text === undefined) {
    if (headers["transfer-encoding"] !== undefined) return undefined;
    throw new S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.");
  }
  const length = Number(text);
  if (!Number.isSafeInteger(length) || length < 0) throw new S3Error("InvalidArgument", `"${text}" is no length`);
  if (length > largestPayload) {
    throw new S3Error(
      "EntityTooLarge",
      "Your proposed upload exceeds the maximum allowed size of 5 GiB; upload it in parts",
    );
  }
  return length;
}

/** The checksum that comes with the bytes, or is to be computed of them. Throws InvalidRequest for more than one. */
function checksumName(headers: Readonly<Record<string, string>>): ChecksumName | undefined {
  const trailer = headers["x-amz-trailer"]?.toLowerCase().replace("x-amz-checksum-", "");
  const asked = headers["x-amz-sdk-checksum-algorithm"]?.toLowerCase();
  const names = new Set([
    ...checksumNames.filter((name) => headers[`x-amz-checksum-${name}`] !== undefined),
    ...[trailer, asked].filter((name) => name !== undefined),
  ]);
  const [name, second] = names;
  if (name === undefined) return undefined;
  if (second !== undefined) throw new S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header");
  if (isChecksumName(name)) return name;
  throw new S3Error("InvalidRequest", `The checksum "${name}" is unknown; known are ${checksumNames.join(", ")}`);
}

export function badDigest(header: string): S3Error {
  return new S3Error("BadDigest", `The ${header} you specified did not match what we received.`);
}
