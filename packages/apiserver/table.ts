import type { Column, KubeObject, ResourceDefinition } from "@headrace/model";
import { badRequest } from "@headrace/model";

/** What of an object travels beside its cells. */
export type IncludeObject = "None" | "Metadata" | "Object";

export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const asked = query.get("includeObject");
  if (asked === null || asked === "") return "Metadata";
  if (asked === "None" || asked === "Metadata" || asked === "Object") return asked;
  throw badRequest(
    `includeObject: Unsupported value: ${JSON.stringify(asked)}: supported values: "None", "Metadata", "Object"`,
  );
}

/** The columns of a kind as meta/v1 TableColumnDefinitions. */
export function columnDefinitions({ columns }: ResourceDefinition): readonly object[] {
  return columns.map(({ name, type, format = "", description = "", priority }) => ({
    name,
    type,
    format,
    description,
    priority,
  }));
}

/** One object as a row. `now` in milliseconds since the epoch, for ages. */
export function tableRow(
  { columns }: ResourceDefinition,
  object: KubeObject,
  include: IncludeObject,
  now: number,
): object {
  const cells = columns.map((column) => cellOf(column, object, now));
  if (include === "None") return { cells };
  return { cells, object: include === "Object" ? object : partialMetadata(object) };
}

/** A column that cannot be computed is empty: one odd object must not hide all others. */
function cellOf(column: Column, object: KubeObject, now: number): unknown {
  try {
    return column.value(object, now);
  } catch {
    return null;
  }
}

export function tableOf(rows: readonly object[], columns: readonly object[], metadata: object): object {
  return { ...tableHead(columns, metadata), rows };
}

/** A Table but for its rows. */
export function tableHead(columns: readonly object[], metadata: object): object {
  return { kind: "Table", apiVersion: "meta.k8s.io/v1", metadata, columnDefinitions: columns };
}

export function partialMetadata({ metadata }: KubeObject): KubeObject {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}
