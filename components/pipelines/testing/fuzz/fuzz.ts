import { type Route, systemClock } from "@headrace/model";
import { sql } from "kysely";
import type { PipelineTables } from "../../records/tables.ts";
import { type Answer, type CallOptions, testFace } from "../platform.ts";
import { chanceOf } from "./chance.ts";
import { type FuzzRequest, requestMaker } from "./requests.ts";

/** What is looked at of an answer. */
type FuzzAnswer = Pick<Answer, "status" | "text" | "json">;

/** What is asked. */
export interface FuzzTarget extends AsyncDisposable {
  call(method: string, path: string, options: CallOptions): Promise<FuzzAnswer>;
  /** Grows by errors that were bugs. */
  readonly bugs: readonly unknown[];
  /** How many rows its database has ever written, where that can be known. */
  readonly writes?: () => Promise<number>;
}

export interface FuzzOptions {
  /** Says which requests are made: the same seed, the same requests. */
  readonly seed: number;
  readonly requests: number;
  /** Only the routes that take files. */
  readonly uploads?: boolean;
  /** In place of the REST face over records in memory, which runs nothing. */
  readonly open?: () => Promise<FuzzTarget>;
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
/** Rows are kept few, so that lists stay quick: a new target comes after so many requests. */
const requestsPerTarget = 5000;

/** Asks a fresh target whatever the routes and messages of the REST face allow, and holds every answer against what all must be. */
export async function fuzz({
  seed,
  requests,
  uploads = false,
  open = openFace,
  progress,
}: FuzzOptions): Promise<FuzzResult> {
  const statuses = new Map<number, number>();
  const faults: string[] = [];
  let slowest = { milliseconds: 0, route: "" };
  const routes = await routesOf(uploads);
  for (let first = 0; first < requests; first += requestsPerTarget) {
    await using target = await open();
    const maker = requestMaker(routes, chanceOf(seed + first));
    for (let index = first; index < Math.min(first + requestsPerTarget, requests); index++) {
      const request = await maker.next();
      const before = systemClock.monotonic();
      const { answer, fault } = await judged(target, request);
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

async function routesOf(uploads: boolean): Promise<readonly Route[]> {
  await using face = await testFace();
  const own = face.routes.filter(({ pattern, refuses }) => !refuses && !pattern.startsWith("/pipeline/apis/"));
  return own.filter(({ pattern }) => !uploads || /\/upload(_version)?$/.test(pattern));
}

async function openFace(): Promise<FuzzTarget> {
  const face = await testFace();
  return {
    call: face.call,
    bugs: face.bugs,
    async writes() {
      const { db } = face.records.all<PipelineTables>();
      const { rows } = await sql<{ writes: number }>`select total_changes() as writes`.execute(db);
      return Number(rows[0]?.writes ?? 0);
    },
    [Symbol.asyncDispose]: () => face[Symbol.asyncDispose](),
  };
}

async function judged(
  target: FuzzTarget,
  { method, path, options }: FuzzRequest,
): Promise<{ answer?: FuzzAnswer; fault?: string }> {
  const written = await target.writes?.();
  const bugs = target.bugs.length;
  const tooLate = Promise.withResolvers<undefined>();
  const timer = systemClock.after(patience, () => tooLate.resolve(undefined));
  try {
    const answer = await Promise.race([target.call(method, path, options), tooLate.promise]);
    if (answer === undefined) return { fault: `no answer within ${patience / 1000} seconds` };
    const bug = target.bugs[bugs];
    if (bug !== undefined) return { answer, fault: bug instanceof Error ? (bug.stack ?? bug.message) : String(bug) };
    const refused = answer.status >= 400 && written !== (await target.writes?.());
    const fault = faultOf(answer) ?? (refused ? "it was refused, and something was written" : undefined);
    return { answer, ...(fault !== undefined && { fault }) };
  } catch (error) {
    return { fault: `it threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` };
  } finally {
    timer[Symbol.dispose]();
  }
}

/** Answers are good, or say in JSON what was wrong with the request. */
function faultOf({ status, text, json }: FuzzAnswer): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  const message = json["message"] ?? json["error_message"];
  if (status < 400 || status >= 500) return `status ${status}: ${text.slice(0, 300)}`;
  if (typeof message !== "string" || message === "") return `status ${status} without a message: ${text.slice(0, 300)}`;
  return message.length > 20_000 ? `a message of ${message.length} characters` : undefined;
}

function describe({ method, path, options: { query, bytes, body } }: FuzzRequest): string {
  const asked = new URLSearchParams(query).toString();
  const sent = bytes ? Buffer.from(bytes).toString("latin1") : (JSON.stringify(body) ?? "");
  return `${method} ${path.slice(0, 200)}${asked && `?${asked.slice(0, 300)}`} ${JSON.stringify(sent.slice(0, 600))}`;
}
