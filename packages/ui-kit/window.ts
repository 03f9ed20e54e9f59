/** Which rows of a list with equal heights are on the screen. All measures are pixels; `end` is exclusive. */
export interface RowWindow {
  readonly start: number;
  readonly end: number;
  readonly before: number;
  readonly after: number;
}

export function rowWindow(
  count: number,
  rowHeight: number,
  scrollTop: number,
  viewHeight: number,
  overscan = 8,
): RowWindow {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight);
  // Scrolled beyond a list that has become shorter, the last screenful shows.
  const start = Math.max(0, Math.min(first, count - Math.ceil(viewHeight / rowHeight)) - overscan);
  const end = Math.min(count, first + Math.ceil(viewHeight / rowHeight) + overscan);
  const last = Math.max(end, Math.min(count, start + Math.ceil(viewHeight / rowHeight) + overscan));
  return { start, end: last, before: start * rowHeight, after: (count - last) * rowHeight };
}

/** The scroll position that brings a row into view with the least movement. */
export function scrollToRow(index: number, rowHeight: number, scrollTop: number, viewHeight: number): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + viewHeight) return top + rowHeight - viewHeight;
  return scrollTop;
}
