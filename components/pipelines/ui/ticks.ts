import { useLiveList } from "@headrace/ui-kit";
import { useMemo } from "react";
import { scheduledWorkflows } from "../resources/index.ts";

/** When a schedule ran last and will run next; RFC 3339. Without a next time it has none left, or is disabled. */
export interface Ticks {
  readonly last?: string | undefined;
  readonly next?: string | undefined;
}

/** The ticks of a namespace's schedules, live, by their ids; undefined until they are known. */
export function useTicks(namespace: string): ReadonlyMap<string, Ticks> | undefined {
  const { items, complete } = useLiveList(scheduledWorkflows, { namespace });
  return useMemo(
    () =>
      complete
        ? new Map(
            items.map(({ metadata, status }) => [
              metadata.uid ?? "",
              { last: status?.trigger?.lastTriggeredTime, next: status?.trigger?.nextTriggeredTime },
            ]),
          )
        : undefined,
    [items, complete],
  );
}
