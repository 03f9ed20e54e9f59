/** The one vocabulary of states that every page speaks: each has a shape, a colour and a word. */
export const states = [
  "pending",
  "waiting",
  "running",
  "succeeded",
  "cached",
  "failed",
  "skipped",
  "cancelling",
  "cancelled",
  "degraded",
] as const;

export type State = (typeof states)[number];

/** How much a state asks for attention; sorting by it brings what needs a person to the top. */
export function urgency(state: State): number {
  const order: Readonly<Record<State, number>> = {
    failed: 0,
    degraded: 1,
    waiting: 2,
    cancelling: 3,
    running: 4,
    pending: 5,
    cancelled: 6,
    skipped: 7,
    succeeded: 8,
    cached: 9,
  };
  return order[state];
}

export function isFinal(state: State): boolean {
  return (
    state === "succeeded" || state === "cached" || state === "failed" || state === "skipped" || state === "cancelled"
  );
}
