import { request } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fuzz, type FuzzResult, type FuzzTarget } from "@headrace/pipelines/testing";
import { startFresh } from "@headrace/platform/testing";

/** Requests of each kind in a whole run. */
const requests = 100_000;
const uploads = 1000;
const overTheSocket = 3000;
const mebibyte = 1024 * 1024;
/** What memory may grow by between two faces that were asked as much, in MiB: the collector and the compiler have their moods. */
const allowedGrowth = 64;

/**
 * Asks the REST API of pipelines whatever its routes and messages allow: most of it of handlers in this process, some of a whole
 * platform over its socket. Resolves to 0 if every answer was good or said what was wrong, nothing that was refused left anything
 * behind, and memory did not grow.
 */
export async function main({ seed, scale }: { seed: number; scale: number }): Promise<number> {
  console.log(`seed ${seed}`);
  const progress = (done: number): void => void (done % 10_000 === 0 && console.log(`  ${done} requests`));
  const faults: string[] = [];
  faults.push(...tell("uploads", await fuzz({ seed, requests: Math.ceil(uploads * scale), uploads: true })));
  const before = heap();
  faults.push(...tell("requests", await fuzz({ seed, requests: Math.ceil(requests * scale), progress })));
  const grown = Math.round((heap() - before) / mebibyte);
  if (grown > allowedGrowth) faults.push(`memory grew by ${grown} MiB`);
  faults.push(
    ...tell("over the socket", await fuzz({ seed, requests: Math.ceil(overTheSocket * scale), open: openPlatform })),
  );
  for (const fault of faults) console.log(`FAULT  ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

function tell(name: string, { statuses, faults, slowest }: FuzzResult): readonly string[] {
  const counts = [...statuses].toSorted(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status}`);
  console.log(
    `${name}: ${counts.join(", ")}; the slowest took ${Math.round(slowest.milliseconds)} ms (${slowest.route})`,
  );
  return faults;
}

/** Bytes of live objects. */
function heap(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
  return process.memoryUsage().heapUsed;
}

async function openPlatform(): Promise<FuzzTarget> {
  const headrace = await startFresh();
  const { gateway } = headrace.platform.running;
  return {
    bugs: headrace.complaints,
    call: (method, path, { body, bytes, query, headers }) => {
      const asked = new URLSearchParams(query).toString();
      const content = bytes ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
      return send(
        new URL(gateway),
        { method, path: asked ? `${path}?${asked}` : path, headers: { ...headers } },
        content,
      );
    },
    [Symbol.asyncDispose]: () => headrace[Symbol.asyncDispose](),
  };
}

/** As it is: a URL would be tidied before it is sent. */
async function send(
  { hostname, port }: URL,
  { method, path, headers }: { method: string; path: string; headers: Record<string, string> },
  content: Uint8Array | undefined,
) {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<FuzzTarget["call"]>>>();
  const outgoing = request({
    hostname,
    port,
    method,
    path,
    headers: { "content-type": "application/json", "content-length": content?.byteLength ?? 0, ...headers },
  });
  outgoing.once("error", reject);
  outgoing.once("response", async (response) => {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      resolve({ status: response.statusCode ?? 0, text, json: parse(text) });
    } catch (error) {
      reject(error);
    }
  });
  outgoing.end(content);
  return promise;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
