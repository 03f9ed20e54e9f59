import { defineMessage, s, type Schema, type TypeOf } from "@headrace/model";

/** The messages of ml_metadata's metadata_store.proto (1.17), by name and number. */

const id = (number: number) => s.at(number, s.integer({ format: "int64" }));
const text = (number: number) => s.at(number, s.string());
const flag = (number: number) => s.at(number, s.boolean());
const listOf = <T>(number: number, items: Schema<T>) => s.at(number, s.list(items));

const anyMessage = defineMessage("google.protobuf.Any", { type_url: text(1), value: s.at(2, s.bytes()) });
const anyAt = (number: number) => s.at(number, anyMessage);

export const fieldMask = defineMessage("google.protobuf.FieldMask", { paths: listOf(1, s.string()) });

const value = defineMessage(
  "ml_metadata.Value",
  {
    int_value: id(1),
    double_value: s.at(2, s.number()),
    string_value: text(3),
    struct_value: s.at(4, s.preserveUnknown()),
    proto_value: anyAt(5),
    bool_value: flag(6),
  },
  { oneof: ["int_value", "double_value", "string_value", "struct_value", "proto_value", "bool_value"] },
);
export type Value = TypeOf<typeof value>;

const properties = (number: number) => s.at(number, s.map(value));

export const artifactStates = [
  "UNKNOWN",
  "PENDING",
  "LIVE",
  "MARKED_FOR_DELETION",
  "DELETED",
  "ABANDONED",
  "REFERENCE",
] as const;

export const artifact = defineMessage("ml_metadata.Artifact", {
  id: id(1),
  name: text(7),
  type_id: id(2),
  type: text(8),
  uri: text(3),
  external_id: text(11),
  properties: properties(4),
  custom_properties: properties(5),
  state: s.at(6, s.string({ enum: artifactStates })),
  create_time_since_epoch: id(9),
  last_update_time_since_epoch: id(10),
  system_metadata: anyAt(12),
});
export type Artifact = TypeOf<typeof artifact>;

export const executionStates = ["UNKNOWN", "NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED"] as const;

export const execution = defineMessage("ml_metadata.Execution", {
  id: id(1),
  name: text(6),
  type_id: id(2),
  type: text(7),
  external_id: text(10),
  last_known_state: s.at(3, s.string({ enum: executionStates })),
  properties: properties(4),
  custom_properties: properties(5),
  create_time_since_epoch: id(8),
  last_update_time_since_epoch: id(9),
  system_metadata: anyAt(11),
});
export type Execution = TypeOf<typeof execution>;

export const context = defineMessage("ml_metadata.Context", {
  id: id(1),
  name: text(3),
  type_id: id(2),
  type: text(6),
  external_id: text(9),
  properties: properties(4),
  custom_properties: properties(5),
  create_time_since_epoch: id(7),
  last_update_time_since_epoch: id(8),
  system_metadata: anyAt(10),
});
export type Context = TypeOf<typeof context>;

export const eventTypes = [
  "UNKNOWN",
  "DECLARED_OUTPUT",
  "DECLARED_INPUT",
  "INPUT",
  "OUTPUT",
  "INTERNAL_INPUT",
  "INTERNAL_OUTPUT",
  "PENDING_OUTPUT",
] as const;

export const event = defineMessage("ml_metadata.Event", {
  artifact_id: id(1),
  execution_id: id(2),
  path: s.at(
    3,
    defineMessage("ml_metadata.Event.Path", {
      steps: listOf(
        1,
        defineMessage("ml_metadata.Event.Path.Step", { index: id(1), key: text(2) }, { oneof: ["index", "key"] }),
      ),
    }),
  ),
  type: s.at(4, s.string({ enum: eventTypes })),
  milliseconds_since_epoch: id(5),
  system_metadata: anyAt(6),
});
export type Event = TypeOf<typeof event>;

export const attribution = defineMessage("ml_metadata.Attribution", {
  artifact_id: id(1),
  context_id: id(2),
  system_metadata: anyAt(3),
});
export type Attribution = TypeOf<typeof attribution>;

export const association = defineMessage("ml_metadata.Association", {
  execution_id: id(1),
  context_id: id(2),
  system_metadata: anyAt(3),
});
export type Association = TypeOf<typeof association>;

export const parentContext = defineMessage("ml_metadata.ParentContext", {
  child_id: id(1),
  parent_id: id(2),
  system_metadata: anyAt(3),
});
export type ParentContext = TypeOf<typeof parentContext>;

const propertyTypes = ["UNKNOWN", "INT", "DOUBLE", "STRING", "STRUCT", "PROTO", "BOOLEAN"] as const;
export type PropertyType = (typeof propertyTypes)[number];

const propertiesOfType = s.at(3, s.map(s.string({ enum: propertyTypes })));

export const artifactType = defineMessage("ml_metadata.ArtifactType", {
  id: id(1),
  name: text(2),
  version: text(4),
  description: text(5),
  external_id: text(7),
  properties: propertiesOfType,
  base_type: s.at(6, s.string({ enum: ["UNSET", "DATASET", "MODEL", "METRICS", "STATISTICS"] })),
});
export type ArtifactType = TypeOf<typeof artifactType>;

/** What an execution takes or gives; a tree of its own kind. */
interface StructType {
  readonly simple?: ArtifactType | undefined;
  readonly union_type?: { readonly candidates?: readonly StructType[] | undefined } | undefined;
  readonly intersection?: { readonly constraints?: readonly StructType[] | undefined } | undefined;
  readonly list?: { readonly element?: StructType | undefined } | undefined;
  readonly none?: object | undefined;
  readonly any?: object | undefined;
  readonly tuple?: { readonly elements?: readonly StructType[] | undefined } | undefined;
  readonly dict?:
    | {
        readonly properties?: Readonly<Record<string, StructType>> | undefined;
        readonly none_type_not_required?: boolean | undefined;
        readonly extra_properties_type?: StructType | undefined;
      }
    | undefined;
}

const inner: Schema<StructType> = s.lazy(() => structType);

const structType: Schema<StructType> = defineMessage(
  "ml_metadata.ArtifactStructType",
  {
    simple: s.at(1, artifactType),
    union_type: s.at(2, defineMessage("ml_metadata.UnionArtifactStructType", { candidates: listOf(1, inner) })),
    intersection: s.at(
      3,
      defineMessage("ml_metadata.IntersectionArtifactStructType", { constraints: listOf(1, inner) }),
    ),
    list: s.at(4, defineMessage("ml_metadata.ListArtifactStructType", { element: s.at(1, inner) })),
    none: s.at(5, defineMessage("ml_metadata.NoneArtifactStructType", {})),
    any: s.at(6, defineMessage("ml_metadata.AnyArtifactStructType", {})),
    tuple: s.at(7, defineMessage("ml_metadata.TupleArtifactStructType", { elements: listOf(1, inner) })),
    dict: s.at(
      8,
      defineMessage("ml_metadata.DictArtifactStructType", {
        properties: s.at(1, s.map(inner)),
        none_type_not_required: flag(2),
        extra_properties_type: s.at(3, inner),
      }),
    ),
  },
  { oneof: ["simple", "union_type", "intersection", "list", "none", "any", "tuple", "dict"] },
);

export const executionType = defineMessage("ml_metadata.ExecutionType", {
  id: id(1),
  name: text(2),
  version: text(6),
  description: text(7),
  external_id: text(9),
  properties: propertiesOfType,
  input_type: s.at(4, structType),
  output_type: s.at(5, structType),
  base_type: s.at(8, s.string({ enum: ["UNSET", "TRAIN", "TRANSFORM", "PROCESS", "EVALUATE", "DEPLOY"] })),
});

export const contextType = defineMessage("ml_metadata.ContextType", {
  id: id(1),
  name: text(2),
  version: text(4),
  description: text(5),
  external_id: text(7),
  properties: propertiesOfType,
  base_type: s.at(6, s.string({ enum: ["UNSET"] })),
});

export const listOptions = defineMessage("ml_metadata.ListOperationOptions", {
  max_result_size: s.at(1, s.integer()),
  order_by_field: s.at(
    2,
    defineMessage("ml_metadata.ListOperationOptions.OrderByField", {
      field: s.at(1, s.string({ enum: ["FIELD_UNSPECIFIED", "CREATE_TIME", "LAST_UPDATE_TIME", "ID"] })),
      is_asc: flag(2),
    }),
  ),
  next_page_token: text(3),
  filter_query: text(4),
});
export type ListOptions = TypeOf<typeof listOptions>;

/** Its one field is a tag for the database's log. */
export const transactionOptions = defineMessage("ml_metadata.TransactionOptions", { tag: text(1) });

export const lineageGraph = defineMessage("ml_metadata.LineageGraph", {
  artifact_types: listOf(1, artifactType),
  execution_types: listOf(2, executionType),
  context_types: listOf(3, contextType),
  artifacts: listOf(4, artifact),
  executions: listOf(5, execution),
  contexts: listOf(6, context),
  events: listOf(7, event),
  attributions: listOf(8, attribution),
  associations: listOf(9, association),
  parent_contexts: listOf(10, parentContext),
});
export type LineageGraph = TypeOf<typeof lineageGraph>;

export const lineageGraphOptions = defineMessage("ml_metadata.LineageGraphQueryOptions", {
  artifacts_options: s.at(1, listOptions),
  stop_conditions: s.at(
    2,
    defineMessage("ml_metadata.LineageGraphQueryOptions.BoundaryConstraint", {
      max_num_hops: id(1),
      boundary_artifacts: text(2),
      boundary_executions: text(3),
    }),
  ),
  max_node_size: id(3),
});

const startingNodes = defineMessage("ml_metadata.LineageSubgraphQueryOptions.StartingNodes", { filter_query: text(1) });
const endingNodes = defineMessage("ml_metadata.LineageSubgraphQueryOptions.EndingNodes", {
  filter_query: text(1),
  include_ending_nodes: flag(2),
});

export const subgraphOptions = defineMessage(
  "ml_metadata.LineageSubgraphQueryOptions",
  {
    starting_artifacts: s.at(1, startingNodes),
    starting_executions: s.at(2, startingNodes),
    max_num_hops: id(3),
    direction: s.at(4, s.string({ enum: ["DIRECTION_UNSPECIFIED", "UPSTREAM", "DOWNSTREAM", "BIDIRECTIONAL"] })),
    ending_artifacts: s.at(5, endingNodes),
    ending_executions: s.at(6, endingNodes),
  },
  { oneof: ["starting_artifacts", "starting_executions"] },
);
export type SubgraphOptions = TypeOf<typeof subgraphOptions>;
