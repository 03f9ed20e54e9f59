import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { S3Error } from "./errors.ts";

/** What AWS Signature Version 4 signs of a request. */
export interface Signable {
  readonly method: string;
  /** As sent, percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A request's claim to have been made by the holder of a key. */
export interface Claim {
  readonly accessKey: string;
  /** A presigned URL: whoever has it, sends what it likes within its time. */
  readonly isPresigned: boolean;
  /** Whether the signature is the one that the secret gives. */
  isSignedBy(secret: string): boolean;
  /** Throws S3Error if the request is too old, from the future, or leaves unsigned what must be signed. */
  check(now: number): void;
  /** For bodies whose chunks are signed too. */
  chunkSigner(secret: string): ChunkSigner;
}

/** What is signed by AWS Signature Version 4. */
interface Signed {
  readonly accessKey: string;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20260101T000000Z` */
  readonly time: string;
  /** Seconds for which a presigned URL is good; undefined for signed headers. */
  readonly expires: number | undefined;
}

interface Scope {
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

const algorithm = "AWS4-HMAC-SHA256";
export const unsignedPayload = "UNSIGNED-PAYLOAD";

/** S3's longest life of a presigned URL, in seconds. */
const longestExpiry = 604_800;
/** How far a client's clock may be off, in milliseconds. */
const skewMs = 15 * 60_000;

/** What a request says about who made it; undefined if it says nothing. Throws S3Error for claims of another form. */
export function readClaim(request: Signable): Claim | undefined {
  const { headers, query } = request;
  const authorization = headers["authorization"];
  if (authorization !== undefined) {
    return claimOf(readHeader(authorization, headers["x-amz-date"] ?? headers["date"] ?? ""), request);
  }
  return query.has("X-Amz-Algorithm") ? claimOf(readQuery(query), request) : undefined;
}

function claimOf(signed: Signed, request: Signable): Claim {
  return {
    accessKey: signed.accessKey,
    isPresigned: signed.expires !== undefined,
    isSignedBy: (secret) => isSignedBy(secret, signed, request),
    check: (now) => checkSigned(signed, request, now),
    chunkSigner: (secret) => new ChunkSigner(secret, signed),
  };
}

function anotherVersion(): S3Error {
  return new S3Error(
    "InvalidRequest",
    `The authorization mechanism you have provided is not supported. Please use ${algorithm}.`,
  );
}

function readHeader(authorization: string, time: string): Signed {
  if (!authorization.startsWith(`${algorithm} `)) throw anotherVersion();
  const fields = new Map(
    authorization
      .slice(algorithm.length + 1)
      .split(",")
      .map((field) => {
        const [name = "", ...value] = field.trim().split("=");
        return [name, value.join("=")];
      }),
  );
  const malformed = (why: string): S3Error =>
    new S3Error("AuthorizationHeaderMalformed", `The authorization header is malformed: ${why}`);
  return {
    ...readCredential(fields.get("Credential") ?? "", malformed),
    signedHeaders: (fields.get("SignedHeaders") ?? "").split(";"),
    signature: fields.get("Signature") ?? "",
    time: isoTime(time, malformed),
    expires: undefined,
  };
}

function readQuery(query: URLSearchParams): Signed {
  const malformed = (why: string): S3Error => new S3Error("AuthorizationQueryParametersError", why);
  if (query.get("X-Amz-Algorithm") !== algorithm) throw anotherVersion();
  const expires = Number(query.get("X-Amz-Expires") ?? Number.NaN);
  if (!Number.isInteger(expires) || expires < 1 || expires > longestExpiry) {
    throw malformed(`X-Amz-Expires must be a number of seconds from 1 to ${longestExpiry}`);
  }
  return {
    ...readCredential(query.get("X-Amz-Credential") ?? "", malformed),
    signedHeaders: (query.get("X-Amz-SignedHeaders") ?? "").split(";"),
    signature: query.get("X-Amz-Signature") ?? "",
    time: isoTime(query.get("X-Amz-Date") ?? "", malformed),
    expires,
  };
}

function readCredential(credential: string, malformed: (why: string) => S3Error): Pick<Signed, "accessKey" | "scope"> {
  const parts = credential.split("/");
  const [service = "", terminator] = parts.slice(-2);
  const [date = "", region = ""] = parts.slice(-4, -2);
  const accessKey = parts.slice(0, -4).join("/");
  if (accessKey === "" || terminator !== "aws4_request" || service !== "s3") {
    throw malformed("the credential must be <access key>/<date>/<region>/s3/aws4_request");
  }
  return { accessKey, scope: { date, region, service } };
}

function isoTime(text: string, malformed: (why: string) => S3Error): string {
  if (/^\d{8}T\d{6}Z$/.test(text)) return text;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw malformed("the request needs its time, as x-amz-date or date");
  return `${new Date(time).toISOString().replace(/[-:]/g, "").slice(0, 15)}Z`;
}

function timeOf(claim: Signed): number {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.time) ?? [];
  return Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
}

function checkSigned(claim: Signed, { headers }: Signable, now: number): void {
  const made = timeOf(claim);
  if (!claim.time.startsWith(claim.scope.date)) {
    throw new S3Error("AuthorizationHeaderMalformed", "The credential's date is not that of the request");
  }
  if (claim.expires === undefined) {
    if (Math.abs(now - made) > skewMs) {
      throw new S3Error(
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
      );
    }
  } else if (made - now > skewMs || now > made + claim.expires * 1000) {
    throw new S3Error("AccessDenied", now < made ? "Request is not valid yet" : "Request has expired");
  }
  const signed = new Set(claim.signedHeaders);
  const missing = ["host", ...Object.keys(headers).filter((name) => name.startsWith("x-amz-"))].filter(
    (name) => !signed.has(name),
  );
  if (missing.length > 0) {
    throw new S3Error("AccessDenied", "There were headers present in the request which were not signed", {
      HeadersNotSigned: missing.join(", "),
    });
  }
}

function isSignedBy(secret: string, claim: Signed, request: Signable): boolean {
  const payload =
    request.headers["x-amz-content-sha256"] ?? (claim.expires === undefined ? sha256("") : unsignedPayload);
  const canonical = [
    request.method,
    canonicalPath(request.path),
    canonicalQuery(request.query),
    ...claim.signedHeaders.map((name) => `${name}:${(request.headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    claim.signedHeaders.join(";"),
    payload,
  ].join("\n");
  const text = [algorithm, claim.time, scopeOf(claim), sha256(canonical)].join("\n");
  return isSame(hmac(signingKey(secret, claim.scope), text).toString("hex"), claim.signature);
}

/** The chain of signatures by which chunks of a body follow its request's. */
export class ChunkSigner {
  readonly #key: Buffer;
  readonly #claim: Signed;
  #previous: string;

  constructor(secret: string, claim: Signed) {
    this.#key = signingKey(secret, claim.scope);
    this.#claim = claim;
    this.#previous = claim.signature;
  }

  /** @param digest sha256 of the chunk's bytes, in hex. */
  isChunk(digest: string, signature: string): boolean {
    return this.#follows(["AWS4-HMAC-SHA256-PAYLOAD", ...this.#before(), sha256(""), digest], signature);
  }

  /** @param trailer lines `name:value\n`. */
  isTrailer(trailer: string, signature: string): boolean {
    return this.#follows(["AWS4-HMAC-SHA256-TRAILER", ...this.#before(), sha256(trailer)], signature);
  }

  #before(): readonly string[] {
    return [this.#claim.time, scopeOf(this.#claim), this.#previous];
  }

  #follows(lines: readonly string[], signature: string): boolean {
    this.#previous = hmac(this.#key, lines.join("\n")).toString("hex");
    return isSame(this.#previous, signature);
  }
}

const scopeOf = ({ scope }: Signed): string => `${scope.date}/${scope.region}/${scope.service}/aws4_request`;

function signingKey(secret: string, { date, region, service }: Scope): Buffer {
  const start: Buffer = Buffer.from(`AWS4${secret}`);
  return [date, region, service, "aws4_request"].reduce((key, word) => hmac(key, word), start);
}

const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** In a time that says nothing of where they differ. */
export function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** Clients differ in what they encode; what counts is what it means. */
function canonicalPath(path: string): string {
  return decodePath(path).split("/").map(encodeStrictly).join("/");
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [encodeStrictly(name), encodeStrictly(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map((pair) => pair.join("="))
    .join("&");
}

const compare = (a: string, b: string): number => (a < b ? -1 : 1);

/** Throws InvalidURI for a path that is not percent-encoded UTF-8. */
export function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new S3Error("InvalidURI", `Couldn't parse the specified URI: ${path.slice(0, 100)}`, {}, { cause });
  }
}

/** Everything but letters, digits and `-._~` is encoded (RFC 3986's unreserved characters). */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
