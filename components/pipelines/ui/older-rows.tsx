import { EmptyState, formatNumber, NoMatch, useMessages } from "@headrace/ui-kit";
import { useState } from "react";
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
