import { systemClock } from "@headrace/model";
import { sql } from "kysely";
import type { PipelineTables } from "../../records/tables.ts";
import { type Answer, type TestFace, testFace } from "../platform.ts";
import { chanceOf } from "./chance.ts";
import { type FuzzRequest, requestMaker } from "./requests.ts";

export interface FuzzOptions {
  /** Says which requests are made: the same seed, the same requests. */
  readonly seed: number;
  readonly requests: number;
  /** Only the routes that take files. */
  readonly uploads?: boolean;
  /** Told now and then how far it is. */
  readonly progress?: (done: number) => void;
}

export interface FuzzResult {
  /** How many answers had each status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** What went wrong, one sentence each, the first hundred. */
  readonly faults: readonly string[];
  /** The longest that an answer took, in milliseconds. */
  readonly slowest: { readonly milliseconds: number; readonly route: string };
}

const maxFaults = 100;
/** Nothing may take longer: the largest upload that is read takes a few seconds on a slow machine. */
const patience = 40_000;
/** Rows are kept few, so that lists stay quick: a new face comes after so many requests. */
const requestsPerFace = 5000;

/** Sends requests to a fresh REST face that runs nothing, and holds every answer against what all answers must be. */
export async function fuzz({ seed, requests, uploads = false, progress }: FuzzOptions): Promise<FuzzResult> {
  const statuses = new Map<number, number>();
  const faults: string[] = [];
  let slowest = { milliseconds: 0, route: "" };
  for (let first = 0; first < requests; first += requestsPerFace) {
    await using face = await testFace();
    const routes = face.routes.filter(({ pattern }) => !uploads || /\/upload(_version)?$/.test(pattern));
    const maker = requestMaker(routes, chanceOf(seed + first));
    for (let index = first; index < Math.min(first + requestsPerFace, requests); index++) {
      const request = await maker.next();
      const before = systemClock.monotonic();
      const { answer, fault } = await judged(face, request);
      const milliseconds = systemClock.monotonic() - before;
      if (milliseconds > slowest.milliseconds) slowest = { milliseconds, route: request.route };
      if (fault && faults.length < maxFaults)
        faults.push(`seed ${seed}, request ${index}: ${describe(request)}: ${fault}`);
      if (answer) {
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        maker.learn(answer.json);
      }
      if (index % 1000 === 999) progress?.(index + 1);
    }
  }
  return { statuses, faults, slowest };
}

async function judged(
  face: TestFace,
  { method, path, options }: FuzzRequest,
): Promise<{ answer?: Answer; fault?: string }> {
  const written = await writesOf(face);
  const bugs = face.bugs.length;
  const tooLate = Promise.withResolvers<undefined>();
  const timer = systemClock.after(patience, () => tooLate.resolve(undefined));
  try {
    const answer = await Promise.race([face.call(method, path, options), tooLate.promise]);
    if (answer === undefined) return { fault: `no answer within ${patience / 1000} seconds` };
    const bug = face.bugs[bugs];
    if (bug !== undefined) return { answer, fault: bug instanceof Error ? (bug.stack ?? bug.message) : String(bug) };
    const fault =
      faultOf(answer) ??
      (answer.status >= 400 && (await writesOf(face)) !== written
        ? "it was refused, and something was written"
        : undefined);
    return { answer, ...(fault !== undefined && { fault }) };
  } catch (error) {
    return { fault: `it threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` };
  } finally {
    timer[Symbol.dispose]();
  }
}

/** Answers are good, or say in JSON what was wrong with the request. 501 is the code of what the API says it does not do. */
function faultOf({ status, text, json }: Answer): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  const message = json["message"] ?? json["error_message"];
  if (status === 501 && json["code"] === 12) return undefined;
  if (status < 400 || status >= 500) return `status ${status}: ${text.slice(0, 300)}`;
  if (typeof message !== "string" || message === "") return `status ${status} without a message: ${text.slice(0, 300)}`;
  return message.length > 20_000 ? `a message of ${message.length} characters` : undefined;
}

/** How many rows the database has ever written. */
async function writesOf(face: TestFace): Promise<number> {
  const { db } = face.records.all<PipelineTables>();
  const { rows } = await sql<{ writes: number }>`select total_changes() as writes`.execute(db);
  return Number(rows[0]?.writes ?? 0);
}

function describe({ method, path, options: { query, bytes, body } }: FuzzRequest): string {
  const asked = new URLSearchParams(query).toString();
  const sent = bytes ? Buffer.from(bytes).toString("latin1") : (JSON.stringify(body) ?? "");
  return `${method} ${path.slice(0, 200)}${asked && `?${asked.slice(0, 300)}`} ${JSON.stringify(sent.slice(0, 600))}`;
}
