import { ApiError, type ApiResponse } from "@headrace/model";

type Body = NonNullable<ApiResponse["body"]>;

/** Bytes of one answer, or of one line of a watch, that are read at most: far above what the API server lets an object be. */
const longestLine = 32 * 1024 * 1024;
const longestBody = 1024 * 1024 * 1024;

/** The whole body as text. */
export async function readText(body: ApiResponse["body"]): Promise<string> {
  if (body === undefined) return "";
  if (typeof body === "string") return body;
  const decoder = new TextDecoder();
  if (body instanceof Uint8Array) return decoder.decode(body);
  let text = "";
  for await (const chunk of body) {
    text += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    if (text.length > longestBody) throw tooLong("an answer", longestBody);
  }
  return text + decoder.decode();
}

/** The JSON value on each line, as soon as the line is complete. */
export async function* readJsonLines(body: Body): AsyncGenerator<unknown, void, undefined> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of typeof body === "string" || body instanceof Uint8Array ? [body] : body) {
    pending += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    if (pending.length > longestLine) throw tooLong("a watch event", longestLine);
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
  }
  if (pending.trim() !== "") yield JSON.parse(pending);
}

function tooLong(what: string, limit: number): ApiError {
  return new ApiError(
    "RequestEntityTooLarge",
    `Cannot read ${what} from the Kubernetes API: it is longer than ${limit} bytes`,
  );
}
