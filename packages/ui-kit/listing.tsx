import { useMemo, useState, type ReactNode } from "react";
import { EmptyState } from "./feedback.tsx";
import { matchesFilter, parseFilter, type Filterable } from "./filter.ts";
import type { FilterBarProps } from "./filter-bar.tsx";
import { formatNumber } from "./format.ts";
import { useKitMessages } from "./kit.tsx";
import { useQueryItem } from "./navigation.tsx";

export interface Listing<Item> {
  /** What the filter leaves. */
  readonly rows: readonly Item[];
  /** Of how many. */
  readonly count: string;
  readonly filter: Pick<FilterBarProps, "text" | "onChange">;
  readonly clear: () => void;
}

/** What somebody looks for in a list; the address says it. `filterable` must stay the same. */
export function useListing<Item>(items: readonly Item[], filterable: (item: Item) => Filterable): Listing<Item> {
  const t = useKitMessages();
  const [text, setText] = useQueryItem("q");
  const rows = useMemo(() => {
    const filter = parseFilter(text);
    return text === "" ? items : items.filter((item) => matchesFilter(filter, filterable(item)));
  }, [items, text, filterable]);
  const [shown, count] = [formatNumber(rows.length), formatNumber(items.length)];
  return {
    rows,
    count: rows.length === items.length ? count : t("filter.some", { shown, count }),
    filter: { text, onChange: setText },
    clear: () => setText(""),
  };
}

/** In place of rows when the filter has left none. */
export function NoMatch({ sentence, onClear }: { readonly sentence: string; readonly onClear: () => void }) {
  const t = useKitMessages();
  return (
    <EmptyState
      sentence={sentence}
      action={
        <button type="button" onClick={onClear}>
          {t("filter.clear")}
        </button>
      }
    />
  );
}

/** Values worth offering in a filter, found among the first of the items. */
export function distinctValues<Item>(
  items: readonly Item[],
  valueOf: (item: Item) => string | undefined,
): readonly string[] {
  const values = items.slice(0, 500).flatMap((item) => valueOf(item) ?? []);
  return [...new Set(values)].filter((value) => value !== "").slice(0, 12);
}

export interface Chosen<Item> {
  readonly items: readonly Item[];
  readonly clear: () => void;
  /** For the table. */
  readonly boxes: { readonly checked: ReadonlySet<string>; readonly onCheck: (checked: ReadonlySet<string>) => void };
}

/** The ticked ones of `rows`: what has left the list, by the filter or for good, is not acted upon. */
export function useChosen<Item>(rows: readonly Item[], keyOf: (item: Item) => string): Chosen<Item> {
  const [checked, onCheck] = useState<ReadonlySet<string>>(new Set());
  const items = useMemo(() => rows.filter((item) => checked.has(keyOf(item))), [rows, checked]);
  return { items, clear: () => onCheck(new Set()), boxes: { checked, onCheck } };
}

/** The bar at the bottom while rows are ticked: how many, what can be done with them, a way to tick none, and what failed. */
export function Selection<Item>({
  chosen,
  busy = false,
  failure,
  children,
}: {
  readonly chosen: Chosen<Item>;
  readonly busy?: boolean;
  /** In one line, and all of it. */
  readonly failure?: { readonly line: string; readonly whole: string } | undefined;
  readonly children: ReactNode;
}) {
  const t = useKitMessages();
  if (chosen.items.length === 0) return null;
  return (
    <div className="bulk-bar">
      <span className="number">{t("table.selected", { count: chosen.items.length })}</span>
      {children}
      <button type="button" className="quiet" disabled={busy} onClick={chosen.clear}>
        {t("clear")}
      </button>
      {failure === undefined ? null : (
        <span className="bulk-failure" role="alert" title={failure.whole}>
          {failure.line}
        </span>
      )}
    </div>
  );
}
