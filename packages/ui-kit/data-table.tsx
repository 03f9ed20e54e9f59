import { useEffect, useMemo, useRef, useState } from "react";
import { ErrorPanel } from "./feedback.tsx";
import { formatNumber } from "./format.ts";
import { useKitMessages } from "./kit.tsx";
import type { RowSource } from "./row-source.ts";
import { useScrollView } from "./table.tsx";
import { rowWindow } from "./window.ts";

/** Rows that are asked for at once. */
const pageRows = 200;
const mostColumns = 200;
/** Browsers lose precision, or clip, beyond some millions of pixels. */
const mostRows = 300_000;

/** The rows of a file: only those on the screen exist, and only those near it have been read. */
export function DataTable({ source, label }: { readonly source: RowSource; readonly label: string }) {
  const t = useKitMessages();
  const scroller = useRef<HTMLDivElement>(null);
  const view = useScrollView(scroller, "--row-compact");
  const columns = source.columns.slice(0, mostColumns);
  const count = Math.min(source.count, mostRows);
  const visible = rowWindow(count, view.rowHeight, view.top, view.height);
  const { pages, failure, retry } = usePages(source, visible.start, visible.end);
  const numeric = useMemo(() => {
    const [first] = pages.get(0) ?? [];
    return columns.map((_, index) => isNumeric(first?.[index]));
  }, [pages, columns]);
  if (failure !== undefined) return <ErrorPanel what={t("data.failed")} error={failure} onRetry={retry} />;
  const rows = Array.from({ length: visible.end - visible.start }, (_, offset) => visible.start + offset);
  return (
    <figure className="data-table">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keys */}
      <div className="data-scroll" ref={scroller} tabIndex={0} role="region" aria-label={label}>
        <table aria-rowcount={source.count + 1}>
          <thead>
            <tr>
              <th className="right faint">#</th>
              {columns.map((column, index) => (
                <th key={column} className={numeric[index] === true ? "right" : undefined} title={column}>
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {visible.before > 0 ? <tr aria-hidden className="spacer" style={{ height: visible.before }} /> : null}
            {rows.map((index) => (
              <DataRow key={index} index={index} width={columns.length} cells={cellsAt(pages, index)} />
            ))}
            {visible.after > 0 ? <tr aria-hidden className="spacer" style={{ height: visible.after }} /> : null}
          </tbody>
        </table>
      </div>
      <figcaption className="faint">
        {t(source.cut ? "data.rowsCut" : "data.rows", {
          count: formatNumber(source.count),
          columns: source.columns.length,
        })}
      </figcaption>
    </figure>
  );
}

function DataRow({
  index,
  width,
  cells,
}: {
  readonly index: number;
  readonly width: number;
  readonly cells: readonly unknown[] | undefined;
}) {
  return (
    <tr aria-rowindex={index + 2}>
      <td className="right faint number">{index + 1}</td>
      {Array.from({ length: width }, (_, column) => {
        const value = cells?.[column];
        const text = cells ? cellText(value) : "…";
        return (
          // oxlint-disable-next-line react/no-array-index-key -- columns of a file may share a name
          <td key={column} className={isNumeric(value) ? "right number" : undefined} title={text}>
            {cells && (value === null || value === undefined) ? <span className="faint">null</span> : text}
          </td>
        );
      })}
    </tr>
  );
}

const cellsAt = (pages: Pages, index: number): readonly unknown[] | undefined =>
  pages.get(Math.floor(index / pageRows))?.[index % pageRows];

type Pages = ReadonlyMap<number, readonly (readonly unknown[])[]>;

/** The pages around a window, read once each, at most two at a time. */
function usePages(source: RowSource, start: number, end: number) {
  const [pages, setPages] = useState<Pages>(new Map());
  const [failure, setFailure] = useState<unknown>();
  const asked = useRef(new Set<number>());
  useEffect(() => {
    asked.current = new Set();
    setPages(new Map());
    setFailure(undefined);
  }, [source]);
  const [first, last] = [Math.floor(start / pageRows), Math.floor(Math.max(start, end - 1) / pageRows)];
  useEffect(() => {
    for (let page = first; page <= last; page++) {
      if (asked.current.has(page) || page * pageRows >= source.count) continue;
      const memory = asked.current.add(page);
      source.rows(page * pageRows, Math.min(source.count, (page + 1) * pageRows)).then(
        (rows) => memory === asked.current && setPages((before) => new Map(before).set(page, rows)),
        (error: unknown) => memory === asked.current && setFailure(error),
      );
    }
  }, [source, first, last, failure]);
  const retry = (): void => {
    asked.current = new Set(pages.keys());
    setFailure(undefined);
  };
  return { pages, failure, retry };
}

const isNumeric = (value: unknown): boolean =>
  typeof value === "number" ||
  typeof value === "bigint" ||
  (typeof value === "string" && value !== "" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value));

function cellText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Date)
    return value
      .toISOString()
      .replace(/T00:00:00\.000Z$/, "")
      .replace(/\.000Z$/, "Z");
  if (value instanceof Uint8Array) return `${value.length} B`;
  if (typeof value === "object" && value !== null)
    return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
  return String(value);
}
