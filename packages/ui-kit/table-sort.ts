import { useQueryItem } from "./navigation.tsx";
import type { TableSort } from "./table.tsx";

/** How a table is sorted, kept in the address as `sort=name` or `sort=-name`; `first` while nobody chose. */
export function useTableSort(first: TableSort): readonly [TableSort, (sort: TableSort) => void] {
  const [text, setText] = useQueryItem("sort");
  const sort = text === "" ? first : { column: text.replace(/^-/, ""), descending: text.startsWith("-") };
  return [sort, (next) => setText(`${next.descending ? "-" : ""}${next.column}`)];
}
