import type { LineageTables } from "@headrace/records";
import type { Generated, Kysely } from "kysely";
import type { NodeKind } from "../core/filter.ts";

/** What users put into the store themselves, beside the lineage. Times in milliseconds; JSON columns hold text. */
export interface MetadataTables extends LineageTables {
  metadata_type: TypeTable;
  metadata_node: NodeTable;
  metadata_event: EventTable;
  metadata_link: LinkTable;
  metadata_parent: ParentTable;
}

export type MetadataDatabase = Kysely<MetadataTables>;

/** Types of all kinds count together, as upstream's do. */
interface TypeTable {
  id: Generated<number>;
  /** Empty for the types that everybody has. */
  ns: string;
  kind: NodeKind;
  name: string;
  /** Empty for none. */
  version: string;
  description: string | null;
  external_id: string | null;
  /** `{name: PropertyType}`. */
  properties: string;
  /** base_type, input_type and output_type, where given. */
  rest: string;
}

interface NodeTable {
  id: Generated<number>;
  ns: string;
  kind: NodeKind;
  type: number;
  name: string | null;
  uri: string | null;
  external_id: string | null;
  /** An artifact's state, an execution's last known one. */
  state: string | null;
  /** `{name: Value}`. */
  properties: string;
  custom_properties: string;
  system_metadata: string | null;
  created_at: number;
  updated_at: number;
}

interface EventTable {
  id: Generated<number>;
  ns: string;
  artifact: number;
  execution: number;
  type: string;
  path: string | null;
  system_metadata: string | null;
  at: number;
}

/** Attributions and associations: what is in a context. */
interface LinkTable {
  ns: string;
  context: number;
  kind: "artifact" | "execution";
  node: number;
  system_metadata: string | null;
}

interface ParentTable {
  ns: string;
  child: number;
  parent: number;
  system_metadata: string | null;
}
