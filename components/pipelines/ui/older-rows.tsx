import type { KubeObject, ResourceDefinition } from "@headrace/model";
import {
  EmptyState,
  formatNumber,
  type LiveListResult,
  NoMatch,
  useKit,
  useLiveList,
  useMessages,
} from "@headrace/ui-kit";
import { useEffect, useMemo, useState } from "react";
import { resultMessages } from "./results-messages.ts";

/** How many of the newest a page holds, and how to hold more. */
export interface Reach {
  readonly most: number;
  readonly further: () => void;
}

/** What of a list is at hand. */
export interface AtHand {
  /** Rows that a filter looks at. */
  readonly count: number;
  /** Whether there are older ones. */
  readonly more: boolean;
  /** Whether a filter looks at them. */
  readonly filtered: boolean;
}

const first = 1000;

export function useReach(): Reach {
  const [most, setMost] = useState(first);
  return { most, further: () => setMost(most * 4) };
}

/** A short rest between keys keeps half-typed words from the server. In milliseconds. */
const restMs = 250;

export interface Found<T> extends LiveListResult<T> {
  /** Whether the server has looked through all there are for these words. */
  readonly isSearched: boolean;
}

/**
 * The newest of a kind, kept true, and where there are more than those, what the server finds of `search` among the older ones: read
 * once, since a browser grants few connections.
 */
export function useFound<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  query: { readonly namespace: string; readonly most: number; readonly fieldSelector?: string },
  search: readonly string[],
): Found<T> {
  const near = useLiveList(definition, query);
  const words = useRested(search);
  const isAsked = near.more === true && words.length > 0;
  const far = useLiveList(definition, isAsked ? { ...query, search: words, still: true } : undefined);
  const items = useMemo(() => (isAsked ? merged(near.items, far.items) : near.items), [isAsked, near.items, far.items]);
  const isSearched = isAsked && far.complete;
  return { ...near, items, more: isSearched ? far.more === true : near.more === true, isSearched };
}

/** The words once nothing has been typed for a moment. */
function useRested(words: readonly string[]): readonly string[] {
  const { clock } = useKit();
  const text = words.join("\n");
  const [rested, setRested] = useState("");
  useEffect(() => {
    const timer = clock.after(restMs, () => setRested(text));
    return () => timer[Symbol.dispose]();
  }, [clock, text]);
  return useMemo(() => (rested === "" ? [] : rested.split("\n")), [rested]);
}

function merged<T extends KubeObject>(near: readonly T[], far: readonly T[]): readonly T[] {
  const known = new Set(near.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
  return [...near, ...far.filter(({ metadata }) => !known.has(`${metadata.namespace}/${metadata.name}`))];
}

/** How many there are, and of how many the filter has left them. */
export function useCount(shown: number, { count, more, filtered }: AtHand): string {
  const t = useMessages(resultMessages);
  const numbers = { shown: formatNumber(shown), count: formatNumber(count) };
  if (filtered && shown !== count) return t(more ? "older.someOfNewest" : "older.some", numbers);
  return more ? `${numbers.shown}+` : numbers.shown;
}

/** Says that there are older ones, which no filter has looked at, and brings them. */
export function OlderRows({ reach, atHand }: { readonly reach: Reach; readonly atHand: AtHand }) {
  const t = useMessages(resultMessages);
  if (!atHand.more) return null;
  return (
    <p className="more-rows muted">
      {t(atHand.filtered ? "older.filtered" : "older.shown", { count: formatNumber(atHand.count) })}{" "}
      <button type="button" className="link" onClick={reach.further}>
        {t(atHand.filtered ? "older.filter" : "older")}
      </button>
    </p>
  );
}

/** Said in place of rows when none of those that are at hand matches; there may be older ones that do. */
export function NoMatchYet({
  reach,
  atHand,
  sentence,
  onClear,
}: {
  readonly reach: Reach;
  readonly atHand: AtHand;
  /** Said when all have been looked at. */
  readonly sentence: string;
  readonly onClear: () => void;
}) {
  const t = useMessages(resultMessages);
  if (!atHand.more) return <NoMatch sentence={sentence} onClear={onClear} />;
  return (
    <EmptyState
      sentence={t("older.noMatch", { count: formatNumber(atHand.count) })}
      action={
        <button type="button" onClick={reach.further}>
          {t("older.filter")}
        </button>
      }
    />
  );
}
