import { isApiError, type KubeObject, type ResourceDefinition } from "@headrace/model";
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { useKit } from "./kit.tsx";
import type { LiveList, LiveQuery, LiveSnapshot, LiveSource } from "./live-list.ts";
import type { Asked } from "./use-answer.ts";

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
  const { namespace = "", labelSelector = "", fieldSelector = "", most, still = false } = query ?? {};
  // Words have no line feeds; a list that is made anew with each drawing is still the same question.
  const search = query?.search?.join("\n") ?? "";
  const asked = query !== undefined;
  const [list, setList] = useState<LiveList<T>>();
  useEffect(() => {
    if (!asked) return undefined;
    const held = lists.acquire(`${definition.group}/${definition.plural}`, source, {
      namespace,
      ...(labelSelector !== "" && { labelSelector }),
      ...(fieldSelector !== "" && { fieldSelector }),
      ...(search !== "" && { search: search.split("\n") }),
      ...(most !== undefined && { most }),
      ...(still && { still }),
    });
    setList(held.list);
    return () => {
      held.release();
      setList(undefined);
    };
  }, [lists, definition, source, namespace, labelSelector, fieldSelector, search, most, still, asked]);
  const snapshot = useSyncExternalStore<LiveSnapshot<T>>(
    list?.subscribe ?? noSubscription,
    list?.snapshot ?? (() => nothing),
  );
  return { ...snapshot, retry: () => list?.retry() };
}

/** A live list as an answer: not there yet while nothing of it is shown and more may come. */
export function liveAnswer<T>(
  { phase, error, complete, retry }: LiveListResult<unknown>,
  rows: readonly T[],
): Asked<readonly T[]> {
  if (phase === "refused") return { state: "failed", error, retry };
  return complete || rows.length > 0 ? { state: "ready", value: rows, retry } : { state: "loading", retry };
}

/**
 * The one object that `fieldSelector` selects, wherever it is, as an answer that is kept true; undefined if there is none.
 * Links to things name no namespace: who may not look through all of them is shown it if it is in the chosen one. `isIt`
 * tells it from what was selected before.
 */
export function useLiveOne<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  fieldSelector: string,
  isIt: (object: T) => boolean,
): Asked<T | undefined> {
  const { namespace } = useKit();
  const anywhere = useLiveList(definition, { fieldSelector });
  const refused = anywhere.phase === "refused" && namespace !== "";
  const inNamespace = useLiveList(definition, refused ? { namespace, fieldSelector } : undefined);
  const { items, phase, error, complete, retry } = refused ? inNamespace : anywhere;
  const value = items.find(isIt);
  if (value !== undefined) return { state: "ready", value, retry };
  if (phase === "refused") return { state: "failed", error, retry };
  return complete ? { state: "ready", value, retry } : { state: "loading", retry };
}

/** Objects by their names, wherever they are, kept true by one watch. Who may not look everywhere is shown those of `namespace`. */
export function useLiveNamed<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  names: readonly string[],
): LiveListResult<T> {
  const { client, lists, namespace } = useKit();
  const key = names.join(",");
  const source = useMemo(
    () => namedSource(client.resource(definition), key.split(","), namespace),
    [client, definition, key, namespace],
  );
  const [list, setList] = useState<LiveList<T>>();
  useEffect(() => {
    if (key === "") return undefined;
    const held = lists.acquire(`${definition.group}/${definition.plural} ${key}`, source, { namespace });
    setList(held.list);
    return () => {
      held.release();
      setList(undefined);
    };
  }, [lists, definition, source, key, namespace]);
  const snapshot = useSyncExternalStore<LiveSnapshot<T>>(
    list?.subscribe ?? noSubscription,
    list?.snapshot ?? (() => nothing),
  );
  return { ...snapshot, retry: () => list?.retry() };
}

/** Lists each name alone and watches once; from the oldest of the lists, so that nothing is missed. */
function namedSource<T extends KubeObject>(
  source: LiveSource<T>,
  names: readonly string[],
  fallback: string,
): LiveSource<T> {
  const wanted = new Set(names);
  let place = "";
  const find = async (name: string, signal: AbortSignal | undefined) => {
    const ask = () =>
      source.list({ namespace: place, fieldSelector: `metadata.name=${name}`, ...(signal && { signal }) });
    try {
      return await ask();
    } catch (error) {
      if (place !== "" || fallback === "" || !isApiError(error, "Forbidden")) throw error;
      place = fallback;
      return await ask();
    }
  };
  return {
    async list({ signal } = {}) {
      const [first, ...rest] = names;
      const beginning = await find(first ?? "", signal);
      const lists = [beginning, ...(await Promise.all(rest.map((name) => find(name, signal))))];
      const versions = lists.map(({ metadata }) => Number(metadata.resourceVersion ?? 0));
      return {
        ...beginning,
        metadata: { resourceVersion: String(Math.min(...versions)) },
        items: lists.flatMap(({ items }) => items),
      };
    },
    async *watch(query) {
      for await (const event of source.watch({ ...query, namespace: place })) {
        if (event.type === "BOOKMARK" || wanted.has(event.object.metadata.name ?? "")) yield event;
      }
    },
  };
}
