import { S3Error } from "../core/errors.ts";

/** What a conditional request is held against. */
export interface Validators {
  readonly etag: string;
  readonly modifiedAt: number;
}

type Headers = Readonly<Record<string, string>>;

/**
 * Whether a reader has it already (304), by RFC 9110's order. Throws PreconditionFailed. `prefix` for the source of a copy, whose
 * conditions fail where those of a reader say 304.
 */
export function isUnchanged(headers: Headers, { etag, modifiedAt }: Validators, prefix = ""): boolean {
  const said = (name: string): string | undefined => headers[`${prefix}${name}`];
  const modified = Math.floor(modifiedAt / 1000) * 1000;
  const ifMatch = said("if-match");
  const before = dateOf(said("if-unmodified-since"));
  if (ifMatch !== undefined ? !matches(ifMatch, etag) : before !== undefined && modified > before) {
    throw failed(ifMatch === undefined ? "If-Unmodified-Since" : "If-Match");
  }
  const ifNoneMatch = said("if-none-match");
  const since = dateOf(said("if-modified-since"));
  return ifNoneMatch === undefined ? since !== undefined && modified <= since : matches(ifNoneMatch, etag);
}

/** Throws PreconditionFailed if an object may not be written in the place of what is there now. */
export function requireWritable(headers: Headers, current: { readonly etag: string } | undefined): void {
  const ifMatch = headers["if-match"];
  const ifNoneMatch = headers["if-none-match"];
  if (ifNoneMatch !== undefined && current && matches(ifNoneMatch, current.etag)) throw failed("If-None-Match");
  if (ifMatch === undefined) return;
  if (!current) throw new S3Error("NoSuchKey", "The specified key does not exist.");
  if (!matches(ifMatch, current.etag)) throw failed("If-Match");
}

function failed(condition: string): S3Error {
  return new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    Condition: condition,
  });
}

function matches(list: string, etag: string): boolean {
  return list.split(",").some((each) => {
    const tag = each.trim().replace(/^W\//, "").replaceAll('"', "");
    return tag === "*" || tag === etag;
  });
}

/** What is no date is no condition (RFC 9110, 13.1.3). */
function dateOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}

/** The bytes that a Range header asks for; undefined for all of them. Throws InvalidRange. */
export function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "") ?? [];
  if (from === "" && to === "") return undefined;
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === "" || to === "" ? size : Math.min(size, Number(to) + 1);
  if (from !== "" && to !== "" && Number(to) < start) return undefined;
  if (start >= size || end <= start) {
    throw new S3Error("InvalidRange", "The requested range is not satisfiable", { ActualObjectSize: String(size) });
  }
  return { start, end };
}
