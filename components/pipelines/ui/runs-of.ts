import { parseTime, useKit, useLiveList, type LiveListResult, type LiveQuery } from "@headrace/ui-kit";
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

/** Strips show the last runs of each; what came before the latest of all is not worth reading for them. */
export const recentRuns = 2000;

/**
 * Live runs by what they belong to: those of `query`, else all of the chosen namespace. `keyOf` must be a function that
 * stays the same.
 */
export function useRunsBy(
  keyOf: (run: Run) => string | undefined,
  query?: LiveQuery,
): {
  readonly live: LiveListResult<Run>;
  readonly groups: ReadonlyMap<string, readonly Run[]>;
} {
  const { namespace } = useKit();
  const live = useLiveList(runKind, query ?? { namespace });
  const groups = useMemo(() => groupRuns(live.items, keyOf), [live.items, keyOf]);
  return { live, groups };
}
