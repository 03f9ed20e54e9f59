import { createHash } from "node:crypto";
import { parseXml, XmlElement, XmlText } from "@rgrove/parse-xml";
import { RemoteError } from "../errors.ts";
import type { Sign } from "./credentials.ts";
import type { Reply, Transport } from "./transport.ts";

/** A bucket of a store that speaks S3's REST API: S3 itself, those compatible with it, and Google's, in its XML form. */
export interface BucketAddress {
  /** `https://s3.eu-west-1.amazonaws.com` */
  readonly endpoint: URL;
  readonly bucket: string;
  /** `<endpoint>/<bucket>/<key>`; else `<bucket>.<endpoint>/<key>`. */
  readonly pathStyle: boolean;
  readonly retries: number;
}

export interface RemoteObject {
  readonly key: string;
  readonly size: number;
}

const leastPartBytes = 16 << 20;
/** S3 takes 10,000 parts. */
const mostParts = 9_000;
const partsAtOnce = 4;
const emptyHash = createHash("sha256").digest("hex");

/** Objects of one bucket. Every method tries again what may go better, and throws RemoteError with what the store said. */
export class BucketClient {
  readonly #address: BucketAddress;
  readonly #sign: Sign;
  readonly #transport: Transport;

  constructor(address: BucketAddress, sign: Sign, transport: Transport) {
    this.#address = address;
    this.#sign = sign;
    this.#transport = transport;
  }

  async size(key: string): Promise<number | undefined> {
    const reply = await this.#ask("HEAD", key);
    reply.dismiss();
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw this.#refused(reply.status, `cannot look at "${key}"`);
    return Number(reply.headers["content-length"] ?? 0);
  }

  /** The bytes from `start` to before `end`; undefined if there is no such object. */
  async open(
    key: string,
    start: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    if (end <= start) return (await this.size(key)) === undefined ? undefined : nothing();
    const last = Number.isFinite(end) ? String(end - 1) : "";
    const headers = start === 0 && last === "" ? {} : { range: `bytes=${start}-${last}` };
    const reply = await this.#ask("GET", key, { headers, ...(signal && { signal }) });
    if (reply.status === 200 || reply.status === 206) return reply.body;
    const answer = await reply.text();
    if (reply.status === 404) return undefined;
    // Beyond the end there is nothing to read.
    if (reply.status === 416) return nothing();
    throw this.#refused(reply.status, messageOf(answer));
  }

  async *list(prefix: string, most = Number.POSITIVE_INFINITY): AsyncGenerator<RemoteObject> {
    let token: string | undefined;
    let count = 0;
    do {
      const query: Record<string, string> = { "list-type": "2", prefix, "encoding-type": "url" };
      if (token !== undefined) query["continuation-token"] = token;
      if (most < 1000) query["max-keys"] = String(most);
      const page = await this.#document("GET", "", { query });
      const decode = textOf(page, "EncodingType") === "url" ? decodeKey : (key: string) => key;
      for (const entry of childrenOf(page, "Contents")) {
        yield { key: decode(textOf(entry, "Key")), size: Number(textOf(entry, "Size")) };
        if ((count += 1) >= most) return;
      }
      token = textOf(page, "NextContinuationToken") || undefined;
    } while (token !== undefined);
  }

  async remove(key: string): Promise<void> {
    const reply = await this.#ask("DELETE", key);
    const answer = await reply.text();
    if (reply.status >= 300 && reply.status !== 404) throw this.#refused(reply.status, messageOf(answer));
  }

  /**
   * Writes an object, in parts if it is large. Parts that an earlier try brought there already, and that are the same, are not
   * sent again. `size` if it is known, so that the parts are few enough.
   */
  async write(key: string, content: AsyncIterable<Uint8Array>, size = 0): Promise<void> {
    const partBytes = Math.max(leastPartBytes, Math.ceil(size / mostParts));
    const parts = piecesOf(content, partBytes)[Symbol.asyncIterator]();
    const first = await parts.next();
    const second = first.done === true ? first : await parts.next();
    if (second.done === true) return this.#put(key, first.done === true ? Buffer.alloc(0) : first.value);
    await this.#writeInParts(key, chain(first.value, second.value, { [Symbol.asyncIterator]: () => parts }));
  }

  async #put(key: string, bytes: Uint8Array): Promise<void> {
    const reply = await this.#ask("PUT", key, { body: bytes });
    const answer = await reply.text();
    if (reply.status !== 200) throw this.#refused(reply.status, messageOf(answer));
  }

  async #writeInParts(key: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
    const { id, there } = (await this.#openUpload(key)) ?? {
      id: textOf(await this.#document("POST", key, { query: { uploads: "" } }), "UploadId"),
      there: new Map<number, string>(),
    };
    const tags: string[] = [];
    const sending = new Set<Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    let number = 0;
    for await (const bytes of parts) {
      if (failure) break;
      number += 1;
      const index = number;
      const sent = this.#sendPart(key, id, index, bytes, there.get(index)).then(
        (tag) => void (tags[index - 1] = tag),
        (error: unknown) => void (failure ??= { error }),
      );
      sending.add(sent);
      void sent.finally(() => sending.delete(sent));
      if (sending.size >= partsAtOnce) await Promise.race(sending);
    }
    await Promise.all(sending);
    // What was sent stays there, for the next try.
    if (failure) throw failure.error;
    const list = tags.map((tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${tag}</ETag></Part>`);
    const body = Buffer.from(`<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`);
    const answer = await this.#document("POST", key, { query: { uploadId: id }, body });
    // A server that needed long may say at the end that it failed, after it said 200.
    if (answer.name === "Error") throw this.#refused(500, textOf(answer, "Message"));
  }

  async #sendPart(
    key: string,
    id: string,
    number: number,
    bytes: Uint8Array,
    there: string | undefined,
  ): Promise<string> {
    if (there !== undefined && there === createHash("md5").update(bytes).digest("hex")) return `"${there}"`;
    const query = { partNumber: String(number), uploadId: id };
    const reply = await this.#ask("PUT", key, { query, body: bytes });
    const answer = await reply.text();
    if (reply.status !== 200) throw this.#refused(reply.status, messageOf(answer));
    return reply.headers["etag"] ?? "";
  }

  /** An upload of this key that was begun and not completed, with the tags of its parts; stores that do not say have none. */
  async #openUpload(key: string): Promise<{ id: string; there: ReadonlyMap<number, string> } | undefined> {
    const reply = await this.#ask("GET", "", { query: { uploads: "", prefix: key } });
    const answer = await reply.text();
    if (reply.status !== 200) return undefined;
    const found = childrenOf(rootOf(answer), "Upload").findLast((upload) => textOf(upload, "Key") === key);
    if (!found) return undefined;
    const id = textOf(found, "UploadId");
    const there = new Map<number, string>();
    for (let marker = "0"; marker !== "";) {
      const page = await this.#document("GET", key, { query: { uploadId: id, "part-number-marker": marker } });
      for (const part of childrenOf(page, "Part")) {
        there.set(Number(textOf(part, "PartNumber")), textOf(part, "ETag").replaceAll('"', ""));
      }
      marker = textOf(page, "IsTruncated") === "true" ? textOf(page, "NextPartNumberMarker") : "";
    }
    return { id, there };
  }

  async #document(method: string, key: string, options: AskOptions): Promise<XmlElement> {
    const reply = await this.#ask(method, key, options);
    const answer = await reply.text();
    if (reply.status !== 200) throw this.#refused(reply.status, messageOf(answer));
    return rootOf(answer);
  }

  #ask(method: string, key: string, { query = {}, headers = {}, body, signal }: AskOptions = {}): Promise<Reply> {
    const { endpoint, bucket, pathStyle, retries } = this.#address;
    const url = new URL(endpoint);
    const path = key.split("/").map(encodeSegment).join("/");
    if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`;
    url.pathname = pathStyle ? `/${bucket}/${path}`.replace(/\/$/, key.endsWith("/") ? "/" : "") : `/${path}`;
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const bodyHash = body ? createHash("sha256").update(body).digest("hex") : emptyHash;
    return this.#transport.sendPatiently(async () => {
      const signed = await this.#sign({ method, url, headers, bodyHash });
      return { method, ...signed, ...(body && { body }), ...(signal && { signal }) };
    }, retries);
  }

  #refused(status: number, what: string): RemoteError {
    return new RemoteError(this.#address.endpoint.host, `${what} (bucket "${this.#address.bucket}")`, status);
  }
}

interface AskOptions {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* chain(
  first: Uint8Array,
  second: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield second;
  yield* rest;
}

/** The stream cut into pieces of one size; the last may be shorter. */
async function* piecesOf(content: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    for (let rest = chunk; rest.length > 0;) {
      const taken = rest.subarray(0, bytes - size);
      held.push(taken);
      size += taken.length;
      rest = rest.subarray(taken.length);
      if (size < bytes) continue;
      yield Buffer.concat(held);
      held = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(held);
}

const encodeSegment = (segment: string): string =>
  encodeURIComponent(segment).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

/** Servers write blanks as `+` in what they say is encoded for URLs. */
const decodeKey = (key: string): string => decodeURIComponent(key.replaceAll("+", "%20"));

function rootOf(document: string): XmlElement {
  const { root } = parseXml(document.trimStart());
  if (!root) throw new RemoteError("the store", "its answer is no document", 200);
  return root;
}

function messageOf(answer: string): string {
  try {
    const root = rootOf(answer);
    return [textOf(root, "Code"), textOf(root, "Message")]
      .filter((each) => each !== "")
      .join(": ")
      .slice(0, 500);
  } catch {
    return answer.slice(0, 200);
  }
}

function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child): child is XmlElement => child instanceof XmlElement && child.name === name);
}

function textOf(element: XmlElement, name: string): string {
  const [child] = childrenOf(element, name);
  return (child?.children ?? []).map((node) => (node instanceof XmlText ? node.text : "")).join("");
}
