import type { Event } from "./messages.ts";

export type Direction = "UPSTREAM" | "DOWNSTREAM" | "BIDIRECTIONAL";
export type End = "artifact" | "execution";

/** What a walk along events has come by. */
export interface Walk {
  readonly artifacts: ReadonlySet<number>;
  readonly executions: ReadonlySet<number>;
  readonly events: readonly Event[];
}

export interface Way {
  readonly from: End;
  readonly start: readonly number[];
  readonly hops: number;
  readonly direction: Direction;
  readonly eventsOf: (end: End, ids: readonly number[]) => Promise<readonly Event[]>;
  /** Which of these nodes end the walk, and whether they are part of what it has come by. */
  readonly endings: (
    end: End,
    ids: readonly number[],
  ) => Promise<{ readonly ids: ReadonlySet<number>; readonly included: boolean }>;
}

const outputs: ReadonlySet<Event["type"]> = new Set(["DECLARED_OUTPUT", "OUTPUT", "INTERNAL_OUTPUT", "PENDING_OUTPUT"]);
const inputs: ReadonlySet<Event["type"]> = new Set(["DECLARED_INPUT", "INPUT", "INTERNAL_INPUT"]);

/** Walks from nodes along their events, one hop from artifacts to executions or back, until nothing is new or the hops are used up. */
export async function walk({ from, start, hops, direction, eventsOf, endings }: Way): Promise<Walk> {
  const seen: Record<End, Set<number>> = { artifact: new Set(), execution: new Set() };
  const left: Record<End, Set<number>> = { artifact: new Set(), execution: new Set() };
  const events = new Map<string, Event>();
  let at = from;
  let frontier = await enter(at, start);
  for (let hop = 0; hop < hops && frontier.length > 0; hop++) {
    const next: End = at === "artifact" ? "execution" : "artifact";
    const found = (await eventsOf(at, frontier)).filter((event) => leads(event, at, direction));
    frontier = await enter(next, [...new Set(found.map((event) => idAt(event, next)))]);
    for (const event of found) if (!left[next].has(idAt(event, next))) events.set(keyOf(event), event);
    at = next;
  }
  return { artifacts: seen.artifact, executions: seen.execution, events: [...events.values()] };

  /** Notes new nodes; answers those from which the walk goes on. */
  async function enter(end: End, ids: readonly number[]): Promise<readonly number[]> {
    const fresh = ids.filter((id) => !seen[end].has(id) && !left[end].has(id));
    if (fresh.length === 0) return [];
    const { ids: last, included } = await endings(end, fresh);
    for (const id of fresh) (last.has(id) && !included ? left : seen)[end].add(id);
    return fresh.filter((id) => !last.has(id));
  }
}

/** Downstream leads from an execution to its outputs and from an artifact to those that take it. */
function leads({ type }: Event, at: End, direction: Direction): boolean {
  if (direction === "BIDIRECTIONAL") return true;
  const forwards = at === "execution" ? outputs : inputs;
  const backwards = at === "execution" ? inputs : outputs;
  return (direction === "DOWNSTREAM" ? forwards : backwards).has(type);
}

const idAt = (event: Event, end: End): number => (end === "artifact" ? event.artifact_id : event.execution_id) ?? 0;

const keyOf = ({ artifact_id, execution_id, type, path }: Event): string =>
  JSON.stringify([artifact_id, execution_id, type, path]);
