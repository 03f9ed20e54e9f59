import type { ApiRequest, ApiResponse } from "@headrace/model";

/** A JSON document that stays the same as long as the server runs, with an ETag, so that clients need not fetch it twice. */
export interface FixedDocument {
  answer(request: ApiRequest): Promise<ApiResponse>;
  /** SHA-256 of the text, in upper-case hex. */
  hash(): Promise<string>;
}

export function fixedDocument(content: object, contentType = "application/json"): FixedDocument {
  return fixedDocumentOf(() => content, contentType);
}

/** As `fixedDocument`, for content that takes a while to make and may never be asked for. */
export function fixedDocumentOf(makeContent: () => object, contentType = "application/json"): FixedDocument {
  let made: Promise<{ body: Uint8Array; hash: string }> | undefined;
  const document = () => (made ??= make(makeContent()));
  return {
    async answer(request) {
      const { body, hash } = await document();
      const headers = { etag: `"${hash}"`, vary: "Accept", "cache-control": "public" };
      const isInProcess = (request.headers["accept"] ?? "").includes("application/x-headrace-value");
      if (isInProcess) return { status: 200, headers, value: makeContent() };
      if (request.headers["if-none-match"] === `"${hash}"`) return { status: 304, headers };
      return { status: 200, headers: { ...headers, "content-type": contentType }, body };
    },
    hash: async () => (await document()).hash,
  };
}

async function make(content: object): Promise<{ body: Uint8Array; hash: string }> {
  const body = new TextEncoder().encode(JSON.stringify(content));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  return { body, hash: digest.toHex().toUpperCase() };
}
