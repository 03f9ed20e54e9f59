import { createHash } from "node:crypto";
import { readFile, realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ApiRequest, ApiResponse } from "@headrace/model";

/** Answers GET and HEAD for the files of a directory; undefined for everything else. */
export type StaticFiles = (request: ApiRequest) => Promise<ApiResponse | undefined>;

export interface StaticFilesOptions {
  /** May appear later, and change: a checkout builds its dashboard while the server runs. */
  readonly directory: string;
  /** Shown at `/` until there is an index.html. */
  readonly placeholder: string;
}

const compress = promisify(gzip);
const maxFile = 32 << 20;
const maxCached = 64 << 20;
const smallest = 1024;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** Pages run our scripts and talk to this origin, and nothing else; frames hold notebooks and artifacts of the same origin. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self' blob:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join("; ");

const protection = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
};

interface Loaded {
  readonly modified: number;
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly zipped: Uint8Array | undefined;
  readonly tag: string;
}

/** Files are read and compressed once, and again when they change on disk. Pages link to each other by `#/…`, so `/` is the only page. */
export function createStaticFiles({ directory, placeholder }: StaticFilesOptions): StaticFiles {
  const cache = new Map<string, Loaded>();
  let cachedBytes = 0;

  async function load(path: string): Promise<Loaded | undefined> {
    const found = await locate(directory, path);
    if (!found) return undefined;
    const known = cache.get(path);
    if (known?.modified === found.modified && known.size === found.size) return known;
    const bytes = await readFile(found.file);
    const zipped = isCompressible(path) && bytes.length >= smallest ? await compress(bytes) : undefined;
    const tag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    const loaded = { modified: found.modified, size: found.size, bytes, zipped, tag };
    remember(path, loaded);
    return loaded;
  }

  function remember(path: string, loaded: Loaded): void {
    const weight = (each: Loaded | undefined) => (each ? each.bytes.length + (each.zipped?.length ?? 0) : 0);
    cachedBytes += weight(loaded) - weight(cache.get(path));
    cache.delete(path);
    cache.set(path, loaded);
    for (const [oldest, entry] of cache) {
      if (cachedBytes <= maxCached) return;
      cache.delete(oldest);
      cachedBytes -= weight(entry);
    }
  }

  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return undefined;
    const path = filePath(request.path);
    const loaded = path === undefined ? undefined : await load(path);
    if (path === undefined || !loaded) return request.path === "/" ? notBuilt(placeholder) : undefined;
    return respond(request, path, loaded);
  };
}

function respond(request: ApiRequest, path: string, { bytes, zipped, tag }: Loaded): ApiResponse {
  // Names under assets/ hold the digest of their content.
  const isImmutable = path.startsWith("assets/");
  const headers = {
    ...protection,
    "content-type": types[extname(path)] ?? "application/octet-stream",
    "cache-control": isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
    etag: tag,
    ...(zipped && { vary: "accept-encoding" }),
  };
  if (knows(request.headers["if-none-match"], tag)) return { status: 304, headers };
  if (zipped && acceptsGzip(request.headers["accept-encoding"])) {
    return { status: 200, headers: { ...headers, "content-encoding": "gzip" }, body: zipped };
  }
  return { status: 200, headers, body: bytes };
}

function notBuilt(placeholder: string): ApiResponse {
  return {
    status: 200,
    headers: { ...protection, "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
    body: placeholder,
  };
}

/** The file's path below the directory; undefined for what cannot be one. */
function filePath(path: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path).slice(1);
  } catch {
    return undefined;
  }
  if (decoded === "") return "index.html";
  const segments = decoded.split("/");
  const isStrange = segments.some((segment) => segment === "" || segment.startsWith(".")) || /[\\\0]/.test(decoded);
  return isStrange ? undefined : decoded;
}

async function locate(
  directory: string,
  path: string,
): Promise<{ file: string; modified: number; size: number } | undefined> {
  try {
    const [root, file] = await Promise.all([realpath(directory), realpath(join(directory, path))]);
    if (!file.startsWith(root + sep)) return undefined;
    const facts = await stat(file);
    return facts.isFile() && facts.size <= maxFile ? { file, modified: facts.mtimeMs, size: facts.size } : undefined;
  } catch {
    return undefined;
  }
}

function isCompressible(path: string): boolean {
  return /^(text|application\/(json|manifest|wasm)|image\/svg)/.test(types[extname(path)] ?? "");
}

function knows(ifNoneMatch: string | undefined, tag: string): boolean {
  const tags = new Set((ifNoneMatch ?? "").split(",").map((each) => each.trim().replace(/^W\//, "")));
  return tags.has(tag) || tags.has("*");
}

function acceptsGzip(acceptEncoding: string | undefined): boolean {
  return (acceptEncoding ?? "").split(",").some((each) => /^\s*(gzip|\*)\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/i.test(each));
}
