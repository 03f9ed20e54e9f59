import type { KubeObject, ResourceDefinition } from "@headrace/model";
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useKit } from "./kit.tsx";
import type { LiveList, LiveQuery, LiveSnapshot } from "./live-list.ts";

export interface LiveListResult<T> extends LiveSnapshot<T> {
  retry(): void;
}

const nothing: LiveSnapshot<never> = { items: [], phase: "loading", complete: false };
const noSubscription = (): (() => void) => () => {};

/**
 * The objects of a kind, kept true by list and watch. Parts of a page that ask the same share one connection. `undefined`
 * as query asks for nothing yet.
 */
export function useLiveList<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  query: LiveQuery | undefined,
): LiveListResult<T> {
  const { client, lists } = useKit();
  const source = useMemo(() => client.resource(definition), [client, definition]);
  const { namespace = "", labelSelector = "", fieldSelector = "", most } = query ?? {};
  const asked = query !== undefined;
  const [list, setList] = useState<LiveList<T>>();
  useEffect(() => {
    if (!asked) return undefined;
    const held = lists.acquire(`${definition.group}/${definition.plural}`, source, {
      namespace,
      ...(labelSelector !== "" && { labelSelector }),
      ...(fieldSelector !== "" && { fieldSelector }),
      ...(most !== undefined && { most }),
    });
    setList(held.list);
    return () => {
      held.release();
      setList(undefined);
    };
  }, [lists, definition, source, namespace, labelSelector, fieldSelector, most, asked]);
  const snapshot = useSyncExternalStore<LiveSnapshot<T>>(
    list?.subscribe ?? noSubscription,
    list?.snapshot ?? (() => nothing),
  );
  return { ...snapshot, retry: () => list?.retry() };
}
