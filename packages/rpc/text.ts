import { Code, ConnectError } from "@connectrpc/connect";

/** `application/grpc-web-text`: gRPC-web in base64, for browsers that cannot stream bytes. */
export function isText(contentType: string | undefined): boolean {
  return /^application\/grpc-web-text(\+proto)?(;|$)/i.test(contentType ?? "");
}

/** A request is read as a whole: its base64 may be cut anywhere. `limit` in bytes. */
export async function* decodeText(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let text = "";
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString("latin1");
    if (text.length > limit * 2)
      throw new ConnectError(`message is larger than ${limit} bytes`, Code.ResourceExhausted);
  }
  if (/[^A-Za-z0-9+/=\r\n]/.test(text)) throw new ConnectError("the request's body is no base64", Code.InvalidArgument);
  // Each message may have been padded by itself.
  for (const part of text.replace(/[\r\n]/g, "").match(/[^=]+=*/g) ?? []) yield Buffer.from(part, "base64");
}

/** Each chunk for itself, padded, as clients of gRPC-web expect. */
export async function* encodeText(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const chunk of body) yield Buffer.from(chunk).toString("base64");
}
