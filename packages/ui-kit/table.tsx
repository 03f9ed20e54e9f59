import {
  memo,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type MouseEvent,
  type ReactNode,
} from "react";
import { columnWidths } from "./column-widths.ts";
import { parseTime } from "./format.ts";
import { rowWindow, scrollToRow } from "./window.ts";
import { useKitMessages } from "./kit.tsx";
import { Popover } from "./popover.tsx";
import { Time } from "./text.tsx";

export interface TableColumn<Row> {
  readonly id: string;
  readonly header: string;
  /** What the column is called where columns are chosen, if its head alone would not tell. */
  readonly chooserLabel?: string;
  readonly cell: (row: Row) => ReactNode;
  /** What the column sorts by; a column without it does not sort. Undefined values come last. */
  readonly sort?: (row: Row) => string | number | undefined;
  readonly align?: "right";
  /** In px or %; columns without one share what is left. */
  readonly width?: string;
  /** Hidden where a table has less than 640 px; `roomy`, less than 1,000. */
  readonly wideOnly?: boolean | "roomy";
  /** Hidden until the reader chooses it. */
  readonly optional?: boolean;
}

export interface TableSort {
  readonly column: string;
  readonly descending: boolean;
}

export interface TableProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly TableColumn<Row>[];
  readonly rowKey: (row: Row) => string;
  readonly sort: TableSort;
  readonly onSort: (sort: TableSort) => void;
  /** Key of the row that stands in the panel or under the keyboard. */
  readonly selected?: string | undefined;
  readonly onSelect?: (row: Row) => void;
  /** Enter and double click, or a plain click if rows are not selectable. */
  readonly onOpen?: (row: Row) => void;
  readonly empty: ReactNode;
  readonly hidden?: readonly string[];
  /** With these, rows carry a box, and the blank key ticks it. */
  readonly checked?: ReadonlySet<string>;
  readonly onCheck?: (checked: ReadonlySet<string>) => void;
  /** With it, rows open in place: what stands below an open one moves with it when the table is sorted. */
  readonly tree?: TableTree<Row>;
}

export interface TableTree<Row> {
  /** Undefined for a row that cannot be opened; such rows carry no box either. */
  readonly isOpen: (row: Row) => boolean | undefined;
  /** Rows below an open one, in their own order. */
  readonly below: (row: Row) => readonly Row[];
  readonly onToggle: (row: Row, open: boolean) => void;
}

/** Sorted rows; equal ones keep the order in which they came, so that a live table does not shuffle. */
export function useSorted<Row>(
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
  sort: TableSort,
): readonly Row[] {
  return useMemo(() => {
    const value = columns.find((column) => column.id === sort.column)?.sort;
    if (!value) return rows;
    const keyed = rows.map((row) => ({ row, key: value(row) }));
    const direction = sort.descending ? -1 : 1;
    return keyed
      .sort((a, b) => {
        if (a.key === b.key) return 0;
        if (a.key === undefined) return 1;
        if (b.key === undefined) return -1;
        return (a.key < b.key ? -1 : 1) * direction;
      })
      .map(({ row }) => row);
  }, [rows, columns, sort.column, sort.descending]);
}

/** In pixels. */
const checkWidth = 36;

/** A table of any length: only the rows on the screen exist. Head stays, arrows walk, Enter opens. */
export function Table<Row>(props: TableProps<Row>) {
  const { label, columns, rowKey, sort, onSort, selected, onSelect, onOpen, empty, hidden, checked, onCheck } = props;
  const { tree } = props;
  const sorted = useSorted(props.rows, columns, sort);
  const rows = useMemo(
    () => (tree ? sorted.flatMap((row) => (tree.isOpen(row) === true ? [row, ...tree.below(row)] : [row])) : sorted),
    [sorted, tree],
  );
  const scroller = useRef<HTMLDivElement>(null);
  const view = useScrollView(scroller);
  const narrow = view.width > 0 && view.width < 640;
  const roomy = view.width === 0 || view.width >= 1000;
  const shown = useMemo(
    () =>
      columns.filter(
        ({ id, wideOnly = false }) =>
          !(narrow && wideOnly !== false) && !(!roomy && wideOnly === "roomy") && hidden?.includes(id) !== true,
      ),
    [columns, narrow, roomy, hidden],
  );
  const widths = columnWidths(
    shown.map(({ width }) => width),
    { room: view.width - (onCheck ? checkWidth : 0), narrow },
  );
  const visible = rowWindow(rows.length, view.rowHeight, view.top, view.height);
  const [focused, setFocused] = useState<string>();
  const current = selected ?? focused;

  const latest = useRef({ checked, onCheck });
  useLayoutEffect(() => {
    latest.current = { checked, onCheck };
  });
  const check = useCallback((key: string): void => {
    const next = new Set(latest.current.checked);
    if (!next.delete(key)) next.add(key);
    latest.current.onCheck?.(next);
  }, []);

  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const index = rows.findIndex((row) => rowKey(row) === current);
    const page = Math.max(1, Math.floor(view.height / view.rowHeight) - 1);
    const target = nextRow(event.key, index, rows.length, page);
    const here = rows[index];
    if (event.key === "Enter" && here !== undefined && event.target === event.currentTarget) onOpen?.(here);
    const turn = event.key === "ArrowRight" ? true : event.key === "ArrowLeft" ? false : undefined;
    if (turn !== undefined && here !== undefined && tree?.isOpen(here) === !turn) {
      event.preventDefault();
      tree.onToggle(here, turn);
    }
    if (event.key === " " && here !== undefined && onCheck && event.target === event.currentTarget) {
      event.preventDefault();
      check(rowKey(here));
    }
    if (target === undefined || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    const row = rows[target];
    if (row === undefined) return;
    if (onSelect) onSelect(row);
    setFocused(rowKey(row));
    const element = scroller.current;
    if (element)
      element.scrollTop = scrollToRow(target, view.rowHeight, element.scrollTop, element.clientHeight - view.rowHeight);
  };

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a grid takes the focus and moves it by arrow keys
    <div
      className="table-scroll"
      ref={scroller}
      tabIndex={0}
      role={tree ? "treegrid" : "grid"}
      aria-label={label}
      aria-rowcount={rows.length + 1}
      onKeyDown={move}
    >
      <table role="presentation">
        <colgroup>
          {onCheck ? <col style={{ width: checkWidth }} /> : null}
          {shown.map((column, index) => (
            <col key={column.id} style={{ width: widths[index] }} />
          ))}
        </colgroup>
        <thead>
          <tr role="row">
            {onCheck ? (
              <CheckAll keys={sorted} rowKey={rowKey} checked={checked ?? new Set()} onCheck={onCheck} />
            ) : null}
            {shown.map((column) => (
              <HeadCell key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {visible.before > 0 ? <tr aria-hidden className="spacer" style={{ height: visible.before }} /> : null}
          {rows.slice(visible.start, visible.end).map((row, offset) => {
            const key = rowKey(row);
            return (
              <Row
                key={key}
                id={key}
                row={row}
                index={visible.start + offset + 2}
                columns={shown}
                selected={key === current}
                checked={checked?.has(key)}
                onCheck={onCheck ? check : undefined}
                onFocus={setFocused}
                onSelect={onSelect}
                onOpen={onOpen}
                open={tree?.isOpen(row)}
                leaf={tree !== undefined && tree.isOpen(row) === undefined}
              />
            );
          })}
          {visible.after > 0 ? <tr aria-hidden className="spacer" style={{ height: visible.after }} /> : null}
        </tbody>
      </table>
      {rows.length === 0 ? empty : null}
    </div>
  );
}

interface RowProps<Row> {
  readonly id: string;
  readonly row: Row;
  readonly index: number;
  readonly columns: readonly TableColumn<Row>[];
  readonly selected: boolean;
  readonly checked: boolean | undefined;
  readonly onCheck: ((id: string) => void) | undefined;
  readonly onFocus: (id: string) => void;
  readonly onSelect: ((row: Row) => void) | undefined;
  readonly onOpen: ((row: Row) => void) | undefined;
  readonly open: boolean | undefined;
  readonly leaf: boolean;
}

function PlainRow<Row>(props: RowProps<Row>) {
  const { id, row, index, columns, selected, checked = false, onCheck, onFocus, onSelect, onOpen, open, leaf } = props;
  const t = useKitMessages();
  const click = (event: MouseEvent): void => {
    if (isOwnClick(event.target) || isSelecting(event.currentTarget)) return;
    onFocus(id);
    if (onSelect) onSelect(row);
    else onOpen?.(row);
  };
  return (
    <tr
      role="row"
      aria-rowindex={index}
      aria-selected={selected}
      aria-expanded={open}
      className={onOpen || onSelect ? "clickable" : undefined}
      onClick={click}
      onDoubleClick={() => onSelect && onOpen?.(row)}
    >
      {onCheck && leaf ? <td role="gridcell" className="check-cell" /> : null}
      {onCheck && !leaf ? (
        <td role="gridcell" className={checked ? "check-cell checked" : "check-cell"}>
          <input
            type="checkbox"
            tabIndex={-1}
            checked={checked}
            aria-label={t("table.select")}
            onChange={() => onCheck(id)}
          />
        </td>
      ) : null}
      {columns.map((column) => (
        <td key={column.id} role="gridcell" className={column.align === "right" ? "right" : undefined}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

/** Scrolling draws only the rows that come into view; those that stay are not drawn again. */
const Row = memo(PlainRow) as typeof PlainRow;

/** Ticks all rows that the filter left, or none. */
function CheckAll<Row>({
  keys,
  rowKey,
  checked,
  onCheck,
}: {
  readonly keys: readonly Row[];
  readonly rowKey: (row: Row) => string;
  readonly checked: ReadonlySet<string>;
  readonly onCheck: (checked: ReadonlySet<string>) => void;
}) {
  const t = useKitMessages();
  const all = keys.length > 0 && checked.size >= keys.length;
  return (
    <th role="columnheader" className={checked.size > 0 ? "check-cell checked" : "check-cell"}>
      <input
        type="checkbox"
        checked={all}
        aria-label={t("table.selectAll")}
        onChange={() => onCheck(new Set(all ? [] : keys.map(rowKey)))}
      />
    </th>
  );
}

function HeadCell<Row>({
  column,
  sort,
  onSort,
}: {
  readonly column: TableColumn<Row>;
  readonly sort: TableSort;
  readonly onSort: (sort: TableSort) => void;
}) {
  const active = sort.column === column.id;
  const direction = !active ? "none" : sort.descending ? "descending" : "ascending";
  return (
    <th
      role="columnheader"
      aria-sort={column.sort ? direction : undefined}
      className={column.align === "right" ? "right" : undefined}
    >
      {column.sort ? (
        <button
          type="button"
          className="head-button"
          onClick={() => onSort({ column: column.id, descending: active ? !sort.descending : false })}
        >
          {column.header}
          <span className="sort-arrow" aria-hidden>
            {active ? (sort.descending ? "↓" : "↑") : ""}
          </span>
        </button>
      ) : (
        column.header
      )}
    </th>
  );
}

/** Chooses which columns are shown; the choice is remembered under `storageKey`. */
export function useHiddenColumns<Row>(
  storageKey: string,
  columns: readonly TableColumn<Row>[],
): readonly [readonly string[], (id: string, hide: boolean) => void] {
  const [hidden, setHidden] = useState<readonly string[]>(() => {
    const stored = localStorage.getItem(storageKey);
    return stored === null
      ? columns.filter((column) => column.optional === true).map((column) => column.id)
      : stored.split(",").filter(Boolean);
  });
  const toggle = (id: string, hide: boolean): void => {
    const next = hide ? [...hidden, id] : hidden.filter((it) => it !== id);
    localStorage.setItem(storageKey, next.join(","));
    setHidden(next);
  };
  return [hidden, toggle];
}

export function ColumnChooser<Row>({
  columns,
  hidden,
  onToggle,
}: {
  readonly columns: readonly TableColumn<Row>[];
  readonly hidden: readonly string[];
  readonly onToggle: (id: string, hide: boolean) => void;
}) {
  const t = useKitMessages();
  return (
    <Popover look="quiet" align="right" label={`${t("columns")} ▾`}>
      {() =>
        columns.slice(1).map((column) => (
          <label key={column.id} className="check">
            <input
              type="checkbox"
              checked={!hidden.includes(column.id)}
              onChange={(event) => onToggle(column.id, !event.target.checked)}
            />{" "}
            {column.chooserLabel ?? column.header}
          </label>
        ))
      }
    </Popover>
  );
}

interface ScrollView {
  readonly top: number;
  readonly height: number;
  readonly width: number;
  readonly rowHeight: number;
}

/** Where a scroller stands, for choosing the rows that exist. The row's height is the token `--row`, in pixels. */
export function useScrollView(scroller: React.RefObject<HTMLElement | null>, rowToken = "--row"): ScrollView {
  const [view, setView] = useState<ScrollView>({ top: 0, height: 800, width: 0, rowHeight: 32 });
  useEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const merge = (next: Partial<ScrollView>): void =>
      setView((before) => {
        const after = { ...before, ...next };
        return isSameView(before, after) ? before : after;
      });
    // Sizes are asked for when they change: asking between two scrolls would lay the page out at each of them.
    const measure = (): void =>
      merge({
        top: element.scrollTop,
        height: element.clientHeight,
        width: element.clientWidth,
        rowHeight: Number.parseFloat(getComputedStyle(element).getPropertyValue(rowToken)) || 32,
      });
    const read = (): void => merge({ top: element.scrollTop });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", read, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", read);
    };
  }, [scroller, rowToken]);
  return view;
}

function isSameView(a: ScrollView, b: ScrollView): boolean {
  return a.top === b.top && a.height === b.height && a.width === b.width && a.rowHeight === b.rowHeight;
}

function nextRow(key: string, index: number, count: number, page: number): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: 1,
    ArrowUp: -1,
    PageDown: page,
    PageUp: -page,
    Home: -count,
    End: count,
    j: 1,
    k: -1,
  };
  const step = steps[key];
  return step === undefined ? undefined : Math.max(0, Math.min(count - 1, index + step));
}

/** Links, buttons and boxes inside a row mean themselves, not the row. */
const isOwnClick = (target: EventTarget): boolean =>
  target instanceof Element && target.closest("a, button, input, label") !== null;

/** Whoever has just marked some of a row's text wants to copy it, and stay. */
function isSelecting(row: EventTarget): boolean {
  const selection = document.getSelection();
  return selection?.type === "Range" && row instanceof Node && selection.containsNode(row, true);
}

/** Opens a row of a tree in place; the keyboard has the arrows for it. */
export function RowToggle({
  open,
  label,
  onToggle,
}: {
  readonly open: boolean;
  readonly label: string;
  readonly onToggle: () => void;
}) {
  return (
    <button
      type="button"
      className="row-toggle"
      tabIndex={-1}
      aria-expanded={open}
      aria-label={label}
      title={label}
      onClick={onToggle}
    >
      {open ? "▾" : "▸"}
    </button>
  );
}

/** A column of points in time, RFC 3339, which sorts by them unless `rest` says otherwise. */
export function timeColumn<Row>(
  id: string,
  header: string,
  timeOf: (row: Row) => string | undefined,
  rest: Omit<Partial<TableColumn<Row>>, "id" | "header" | "cell"> = {},
): TableColumn<Row> {
  return {
    id,
    header,
    width: "116px",
    wideOnly: true,
    sort: (row) => parseTime(timeOf(row)),
    cell: (row) => (
      <span className="muted">
        <Time at={timeOf(row)} />
      </span>
    ),
    ...rest,
  };
}
