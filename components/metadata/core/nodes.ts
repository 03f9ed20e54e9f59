import type { NodeKind } from "./filter.ts";
import type { Artifact, Context, Execution, PropertyType } from "./messages.ts";

/** A node of any kind, as far as they are alike. */
export type MetadataNode = Artifact | Execution | Context;

/** A type of any kind: what is particular to one of them is in `rest`. */
export interface MetadataType {
  readonly id: number;
  readonly ns: string;
  readonly kind: NodeKind;
  readonly name: string;
  readonly version: string;
  readonly description: string | undefined;
  readonly external_id: string | undefined;
  readonly properties: Readonly<Record<string, PropertyType>>;
  readonly rest: Readonly<Record<string, unknown>>;
}

/** A type as its message has it; what is empty is left out. */
export function typeMessage(type: MetadataType): Readonly<Record<string, unknown>> & { readonly id: number } {
  const { id, name, version, description, external_id, properties, rest } = type;
  return { ...rest, id, name, version: version || undefined, description, external_id, properties };
}

export type OrderField = "ID" | "CREATE_TIME" | "LAST_UPDATE_TIME";

export interface Order {
  readonly field: OrderField;
  readonly ascending: boolean;
}

export const byId: Order = { field: "ID", ascending: true };

/** Where a page begins: after the node with this number, and this value of the field that is ordered by. */
export interface Cursor {
  readonly value: number;
  readonly id: number;
}

/** What a node must be to be found. Absent: anything. All of it must hold. */
export interface Search {
  readonly ids?: readonly number[] | undefined;
  readonly types?: readonly string[] | undefined;
  readonly typeIds?: readonly number[] | undefined;
  readonly names?: readonly string[] | undefined;
  readonly uris?: readonly string[] | undefined;
  readonly externalIds?: readonly string[] | undefined;
  /** In one of these contexts: artifacts and executions only. */
  readonly contexts?: readonly number[] | undefined;
  /** Executions of the tasks of this group. */
  readonly parentDags?: readonly number[] | undefined;
}

export function orderValue(node: MetadataNode, { field }: Order): number {
  if (field === "CREATE_TIME") return node.create_time_since_epoch ?? 0;
  return (field === "ID" ? node.id : node.last_update_time_since_epoch) ?? 0;
}

/** Sorts as the database does: by the field, and among equals by id, both in the same direction. */
export function inOrder(nodes: readonly MetadataNode[], order: Order): MetadataNode[] {
  const sign = order.ascending ? 1 : -1;
  return nodes.toSorted((a, b) => sign * (orderValue(a, order) - orderValue(b, order) || (a.id ?? 0) - (b.id ?? 0)));
}
