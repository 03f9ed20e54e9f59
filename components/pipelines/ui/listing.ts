import { isRecord, type Requester } from "@headrace/ui-kit";

export interface PageQuery {
  readonly query: Readonly<Record<string, string>>;
  /** Under which name the answer holds the rows. */
  readonly field: string;
  readonly pageSize: number;
  readonly signal: AbortSignal;
}

/** No list of definitions is read beyond this many rows. */
const mostRows = 10_000;

/** All rows of a list of the pipelines API, page by page. */
export async function everyPage(
  request: Requester,
  path: string,
  { query, field, pageSize, signal }: PageQuery,
): Promise<readonly unknown[]> {
  const rows: unknown[] = [];
  let token = "";
  do {
    const page = new URLSearchParams({
      ...query,
      page_size: String(pageSize),
      ...(token !== "" && { page_token: token }),
    });
    const answer = await request.json(`${path}?${page}`, { signal });
    const found = isRecord(answer) ? answer[field] : undefined;
    if (Array.isArray(found)) rows.push(...found);
    token = textOf(answer, "next_page_token");
  } while (token !== "" && rows.length < mostRows);
  return rows;
}

/** A field of a message; absent fields of protobuf's JSON have their zero value. */
export function textOf(value: unknown, field: string): string {
  const content = isRecord(value) ? value[field] : undefined;
  return typeof content === "string" ? content : "";
}

export function texts(value: unknown, field: string): Readonly<Record<string, string>> {
  const content = isRecord(value) ? value[field] : undefined;
  return isRecord(content) ? Object.fromEntries(Object.entries(content).map(([key, it]) => [key, String(it)])) : {};
}

export function recordOf(value: unknown, field: string): Readonly<Record<string, unknown>> {
  const content = isRecord(value) ? value[field] : undefined;
  return isRecord(content) ? content : {};
}
