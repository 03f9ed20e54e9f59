import { parseTime, useKit, useLiveList, type LiveListResult } from "@headrace/ui-kit";
import { useMemo } from "react";
import { runs as runKind, type Run } from "../resources/index.ts";

export const runId = (run: Run): string => run.metadata.name ?? "";
export const runPath = (id: string): string => `/runs/details/${id}`;

/** Milliseconds since the epoch; runs that have not started count by their creation. */
export const beganAt = (run: Run): number => parseTime(run.status.startedAt ?? run.metadata.creationTimestamp) ?? 0;

/** Runs by what they belong to, the newest first. */
function groupRuns(runs: readonly Run[], keyOf: (run: Run) => string | undefined): ReadonlyMap<string, readonly Run[]> {
  const groups = new Map<string, Run[]>();
  for (const run of runs) {
    const key = keyOf(run);
    if (key === undefined || key === "") continue;
    const group = groups.get(key);
    if (group) group.push(run);
    else groups.set(key, [run]);
  }
  for (const group of groups.values()) group.sort((a, b) => beganAt(b) - beganAt(a));
  return groups;
}

/** The live runs of the chosen namespace by what they belong to. `keyOf` must be a function that stays the same. */
export function useRunsBy(keyOf: (run: Run) => string | undefined): {
  readonly live: LiveListResult<Run>;
  readonly groups: ReadonlyMap<string, readonly Run[]>;
} {
  const { namespace } = useKit();
  const live = useLiveList(runKind, { namespace });
  const groups = useMemo(() => groupRuns(live.items, keyOf), [live.items, keyOf]);
  return { live, groups };
}
