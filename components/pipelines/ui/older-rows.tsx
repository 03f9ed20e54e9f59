import { EmptyState, formatNumber, NoMatch, useMessages } from "@headrace/ui-kit";
import { useState } from "react";
import { resultMessages } from "./results-messages.ts";

/** How many of the newest a page holds, and how to hold more. */
export interface Reach {
  readonly most: number;
  readonly further: () => void;
}

const first = 1000;

export function useReach(): Reach {
  const [most, setMost] = useState(first);
  return { most, further: () => setMost(most * 4) };
}

/** Says that there are older ones, and brings them. */
export function OlderRows({ reach, more }: { readonly reach: Reach; readonly more: boolean }) {
  const t = useMessages(resultMessages);
  if (!more) return null;
  return (
    <p className="more-rows faint">
      {t("older.shown", { count: formatNumber(reach.most) })}{" "}
      <button type="button" className="link" onClick={reach.further}>
        {t("older")}
      </button>
    </p>
  );
}

/** Said in place of rows when none of those that are loaded matches; there may be older ones that do. */
export function NoMatchYet({
  reach,
  more,
  sentence,
  onClear,
}: {
  readonly reach: Reach;
  readonly more: boolean;
  /** Said when all have been looked at. */
  readonly sentence: string;
  readonly onClear: () => void;
}) {
  const t = useMessages(resultMessages);
  if (!more) return <NoMatch sentence={sentence} onClear={onClear} />;
  return (
    <EmptyState
      sentence={t("older.noMatch", { count: formatNumber(reach.most) })}
      action={
        <button type="button" onClick={reach.further}>
          {t("older")}
        </button>
      }
    />
  );
}
