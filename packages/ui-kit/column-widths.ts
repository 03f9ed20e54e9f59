/**
 * CSS widths of a table's columns, `room` pixels for all of them (0 while that is not known). Columns without a width share what
 * is left; where every column has one, those with a share of the width do, each in proportion. Else a browser would widen those of
 * a fixed width too, and the same column would stand elsewhere in another table. On a `narrow` screen shares mean nothing: what is
 * not fixed is shared equally.
 */
export function columnWidths(
  widths: readonly (string | undefined)[],
  { room, narrow }: { readonly room: number; readonly narrow: boolean },
): readonly (string | undefined)[] {
  if (narrow) return widths.map((width) => (width?.endsWith("px") ? width : undefined));
  const sum = (unit: string): number =>
    widths.reduce((total, width) => total + (width?.endsWith(unit) ? Number.parseFloat(width) : 0), 0);
  const [left, shares] = [room - sum("px"), sum("%")];
  if (left <= 0 || shares === 0 || widths.includes(undefined)) return widths;
  return widths.map((width) => (width?.endsWith("%") ? `${(left * Number.parseFloat(width)) / shares}px` : width));
}
