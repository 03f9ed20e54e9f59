import { isDeepStrictEqual } from "node:util";
import { RpcError } from "@headrace/rpc";
import type { Selectable } from "kysely";
import type { NodeKind } from "../core/filter.ts";
import type { Artifact, Event, Execution, ParentContext, PropertyType } from "../core/messages.ts";
import type { MetadataNode, MetadataType } from "../core/nodes.ts";
import { engineTypes, isOwn } from "../core/ownership.ts";
import { faultOfProperties, masked } from "../core/properties.ts";
import type { MetadataDatabase, MetadataTables } from "./tables.ts";
import { mostTypes, readTypes } from "./types.ts";

/** Nodes of the lineage that a request speaks of, as they are shown: they may be pointed at, but not changed. */
export type Lineage = Readonly<Record<NodeKind, ReadonlyMap<number, MetadataNode>>>;

export interface TypeOptions {
  readonly can_add_fields?: boolean | undefined;
  readonly can_omit_fields?: boolean | undefined;
}

export interface NodeOptions {
  readonly update_mask?: { readonly paths?: readonly string[] | undefined } | undefined;
  /** Fail unless the stored node was last updated when the given one says. */
  readonly abortIfChanged?: boolean | undefined;
  readonly touch?: boolean | undefined;
}

type NodeRow = Selectable<MetadataTables["metadata_node"]>;

const longestName = 255;
const longestUri = 1024;

/** Writes into one namespace within one transaction: all of a request or nothing of it. Throws RpcError with upstream's codes. */
export class MetadataWriter {
  readonly #db: MetadataDatabase;
  readonly #ns: string;
  readonly #now: number;
  readonly #lineage: Lineage;
  #types: readonly MetadataType[] | undefined;

  constructor(db: MetadataDatabase, { ns, now, lineage }: { ns: string; now: number; lineage: Lineage }) {
    this.#db = db;
    this.#ns = ns;
    this.#now = now;
    this.#lineage = lineage;
  }

  /** The id of a type, new or known; a known one may grow if that is asked for. */
  async putType(kind: NodeKind, given: GivenType, options: TypeOptions): Promise<number> {
    const { name = "", version = "", description, external_id, properties = {}, id: _, ...rest } = given;
    if (name === "") throw invalid("No type name is specified.");
    checkLength("name", name, longestName);
    checkLength("external_id", external_id, longestName);
    const vague = Object.entries(properties).find(([, type]) => type === "UNKNOWN");
    if (vague) throw invalid(`Property ${vague[0]} is UNKNOWN.`);
    const stored = (await this.#allTypes()).find(
      (type) => type.kind === kind && type.name === name && type.version === version,
    );
    if (stored) return this.#updateType(stored, { external_id, properties, rest }, options);
    const own = (await this.#allTypes()).filter(({ ns }) => ns === this.#ns);
    if (own.length >= mostTypes) {
      throw new RpcError(
        "RESOURCE_EXHAUSTED",
        `Cannot put type "${name}": namespace "${this.#ns}" has ${mostTypes} types`,
      );
    }
    const row = {
      ns: this.#ns,
      kind,
      name,
      version,
      description: description ?? null,
      external_id: external_id || null,
      properties: JSON.stringify(properties),
      rest: JSON.stringify(rest.base_type === "UNSET" ? { ...rest, base_type: undefined } : rest),
    };
    const { id } = await this.#db.insertInto("metadata_type").values(row).returning("id").executeTakeFirstOrThrow();
    this.#types = undefined;
    return id;
  }

  async #updateType(
    stored: MetadataType,
    given: { external_id: string | undefined; properties: Properties; rest: Readonly<Record<string, unknown>> },
    options: TypeOptions,
  ): Promise<number> {
    const exists = (why: string): RpcError =>
      new RpcError("ALREADY_EXISTS", `Type "${stored.name}" already exists with different properties: ${why}`);
    const other = Object.entries(given.properties).find(([name, type]) => (stored.properties[name] ?? type) !== type);
    if (other) throw exists(`Conflicting property value type found in stored and given types: ${other[0]}`);
    const omitted = Object.keys(stored.properties).filter((name) => !Object.hasOwn(given.properties, name));
    if (omitted.length > 0 && !options.can_omit_fields) {
      throw exists(`can_omit_fields is false while stored type has more properties: ${omitted.join(", ")}`);
    }
    const added = Object.entries(given.properties).filter(([name]) => !Object.hasOwn(stored.properties, name));
    if (added.length > 0 && !options.can_add_fields) {
      const names = added.map(([name]) => name).join(", ");
      throw exists(`can_add_fields is false while the given type has more properties: ${names}`);
    }
    const { base_type } = given.rest;
    if (base_type !== undefined && base_type !== (stored.rest["base_type"] ?? "UNSET")) {
      const what = base_type === "UNSET" ? "deletion" : "update";
      throw new RpcError("UNIMPLEMENTED", `base_type ${what} is not supported`);
    }
    const renamed = given.external_id !== undefined && given.external_id !== (stored.external_id ?? "");
    if (added.length === 0 && !renamed) return stored.id;
    if (stored.ns === "") {
      throw new RpcError("FAILED_PRECONDITION", `Cannot change type "${stored.name}": it is shared by all namespaces`);
    }
    await this.#db
      .updateTable("metadata_type")
      .set({
        properties: JSON.stringify({ ...stored.properties, ...Object.fromEntries(added) }),
        ...(renamed && { external_id: given.external_id || null }),
      })
      .where("ns", "=", this.#ns)
      .where("id", "=", stored.id)
      .execute();
    this.#types = undefined;
    return stored.id;
  }

  /** The id of a node, new or updated. */
  async putNode(kind: NodeKind, node: MetadataNode, options: NodeOptions = {}): Promise<number> {
    return node.id === undefined ? this.#insert(kind, node) : this.#update(kind, node.id, node, options);
  }

  async #insert(kind: NodeKind, node: MetadataNode): Promise<number> {
    const type = await this.#typeOf(kind, node);
    if (kind !== "artifact" && engineTypes.has(type.name)) {
      throw new RpcError(
        "FAILED_PRECONDITION",
        `Cannot put ${kindWord[kind]} of type "${type.name}": runs make theirs themselves. Use a type of your own`,
      );
    }
    if (kind === "context" && !node.name) throw invalid("Context name should not be empty");
    const fields = this.#fields(kind, node, type);
    await this.#refuseTwin(kind, type.id, fields);
    const row = { ...fields, ns: this.#ns, kind, type: type.id, created_at: this.#now, updated_at: this.#now };
    const { id } = await this.#db.insertInto("metadata_node").values(row).returning("id").executeTakeFirstOrThrow();
    return id;
  }

  async #refuseTwin(kind: NodeKind, type: number, { name, external_id }: Pick<NodeRow, "name" | "external_id">) {
    const nodes = this.#db.selectFrom("metadata_node").select("id").where("ns", "=", this.#ns);
    if (name !== null) {
      const twin = await nodes.where("type", "=", type).where("name", "=", name).executeTakeFirst();
      if (twin) throw new RpcError("ALREADY_EXISTS", `Given node already exists: name "${name}" is that of ${twin.id}`);
    }
    if (external_id !== null) {
      const twin = await nodes.where("kind", "=", kind).where("external_id", "=", external_id).executeTakeFirst();
      if (twin) {
        throw new RpcError(
          "ALREADY_EXISTS",
          `Given node already exists: external_id "${external_id}" is that of ${twin.id}`,
        );
      }
    }
  }

  async #update(kind: NodeKind, id: number, node: MetadataNode, options: NodeOptions): Promise<number> {
    if (!isOwn(id)) return this.#leave(kind, id, node);
    const row = await this.#db
      .selectFrom("metadata_node")
      .selectAll()
      .where("ns", "=", this.#ns)
      .where("kind", "=", kind)
      .where("id", "=", id)
      .executeTakeFirst();
    if (!row) throw invalid(`Cannot find the given id ${id}`);
    if (node.type_id !== undefined && node.type_id !== row.type) {
      throw invalid(`Given type_id ${node.type_id} is different from the one known before: ${row.type}`);
    }
    if (options.abortIfChanged && node.last_update_time_since_epoch !== row.updated_at) {
      throw new RpcError(
        "FAILED_PRECONDITION",
        `\`abort_if_latest_updated_time_changed\` is set, and the stored node with id = ${id} has a different last_update_time_since_epoch: ${row.updated_at} from the one given: ${node.last_update_time_since_epoch ?? 0}`,
      );
    }
    const type = (await this.#allTypes()).find((each) => each.id === row.type);
    if (!type) throw invalid(`Cannot find the type ${row.type} of ${id}`);
    const given = masked(storedFields(row), givenFields(kind, node), options.update_mask?.paths ?? []);
    // Only contexts can be renamed: of other nodes upstream leaves the name as it is, too.
    const name = kind === "context" ? given["name"] : (row.name ?? undefined);
    if (kind === "context" && !name) throw invalid("Context name should not be empty");
    const fields = this.#fields(kind, { ...given, name } as MetadataNode, type);
    const { id: _, ns: _ns, kind: _kind, type: _type, created_at: _created, updated_at: _updated, ...before } = row;
    if (isDeepStrictEqual({ ...before }, { ...fields }) && !options.touch) return id;
    await this.#refuseTwin(kind, row.type, {
      name: fields.name === row.name ? null : fields.name,
      external_id: fields.external_id === row.external_id ? null : fields.external_id,
    });
    await this.#db
      .updateTable("metadata_node")
      .set({ ...fields, updated_at: Math.max(this.#now, row.updated_at + 1) })
      .where("ns", "=", this.#ns)
      .where("id", "=", id)
      .execute();
    return id;
  }

  /** A node of the lineage may be given again as it is, which clients do that pass on what they read. */
  #leave(kind: NodeKind, id: number, given: MetadataNode): number {
    const stored = this.#lineage[kind].get(id);
    if (!stored) throw invalid(`Cannot find the given id ${id}`);
    const told = Object.entries(given).filter(([, content]) => content !== undefined && !isEmpty(content));
    const differs = told.find(
      ([name, content]) => !isDeepStrictEqual(plain(content), plain(stored[name as keyof MetadataNode])),
    );
    if (differs) {
      throw new RpcError(
        "FAILED_PRECONDITION",
        `Cannot change "${differs[0]}" of ${kindWord[kind]} ${id}: it belongs to a run, and only its engine writes it`,
      );
    }
    return id;
  }

  async #typeOf(kind: NodeKind, node: MetadataNode): Promise<MetadataType> {
    if (node.type_id === undefined) throw invalid("Type id is missing.");
    const type = (await this.#allTypes()).find((each) => each.kind === kind && each.id === node.type_id);
    if (!type) throw new RpcError("NOT_FOUND", `Cannot find type for type_id: ${node.type_id}`);
    return type;
  }

  #fields(kind: NodeKind, node: MetadataNode, type: MetadataType) {
    const { name, external_id, properties = {}, custom_properties = {}, system_metadata } = node;
    const fault = faultOfProperties(type.properties, properties, custom_properties);
    if (fault) throw invalid(`Cannot validate properties of a node of type "${type.name}": ${fault}`);
    const { uri } = node as Artifact;
    checkLength("name", name, longestName);
    checkLength("external_id", external_id, longestName);
    checkLength("uri", uri, longestUri);
    const state = kind === "artifact" ? (node as Artifact).state : (node as Execution).last_known_state;
    return {
      name: name ?? null,
      uri: kind === "artifact" ? (uri ?? "") : null,
      external_id: external_id || null,
      state: kind === "context" ? null : (state ?? null),
      properties: JSON.stringify(properties),
      custom_properties: JSON.stringify(custom_properties),
      system_metadata: system_metadata === undefined ? null : JSON.stringify(system_metadata),
    };
  }

  async putEvent({
    artifact_id,
    execution_id,
    type,
    path,
    milliseconds_since_epoch,
    system_metadata,
  }: Event): Promise<void> {
    if (artifact_id === undefined) throw invalid("No artifact id is specified.");
    if (execution_id === undefined) throw invalid("No execution id is specified.");
    if (type === undefined || type === "UNKNOWN") throw invalid("No event type is specified.");
    if (!(await this.#exists("artifact", artifact_id))) throw invalid(`No artifact with the given id ${artifact_id}`);
    if (!(await this.#exists("execution", execution_id)))
      throw invalid(`No execution with the given id ${execution_id}`);
    if (!isOwn(execution_id)) throw belongsToRun(`add an event to execution ${execution_id}`);
    const events = this.#db.selectFrom("metadata_event").select("id");
    const twin = await events
      .where("ns", "=", this.#ns)
      .where("artifact", "=", artifact_id)
      .where("execution", "=", execution_id)
      .where("type", "=", type)
      .executeTakeFirst();
    if (twin) {
      throw new RpcError(
        "ALREADY_EXISTS",
        `Given event already exists: ${type} of artifact ${artifact_id} and execution ${execution_id}`,
      );
    }
    await this.#db
      .insertInto("metadata_event")
      .values({
        ns: this.#ns,
        artifact: artifact_id,
        execution: execution_id,
        type,
        path: path === undefined ? null : JSON.stringify(path),
        system_metadata: system_metadata === undefined ? null : JSON.stringify(system_metadata),
        at: milliseconds_since_epoch ?? this.#now,
      })
      .execute();
  }

  /** Puts an artifact or execution into a context; once is enough. */
  async putLink(
    kind: "artifact" | "execution",
    node: number | undefined,
    context: number | undefined,
    systemMetadata?: object,
  ) {
    const word = kind === "artifact" ? "Artifact" : "Execution";
    if (node === undefined || !(await this.#exists(kind, node))) throw invalid(`${word} id not found.`);
    if (context === undefined || !(await this.#exists("context", context))) throw invalid("Context id not found.");
    if (!isOwn(context)) throw belongsToRun(`put ${kindWord[kind]} ${node} into context ${context}`);
    const system_metadata = systemMetadata === undefined ? null : JSON.stringify(systemMetadata);
    await this.#db
      .insertInto("metadata_link")
      .values({ ns: this.#ns, context, kind, node, system_metadata })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async putParent({ child_id, parent_id, system_metadata }: ParentContext): Promise<void> {
    if (child_id === undefined || parent_id === undefined)
      throw invalid("Missing parent / child id in the parent_context.");
    for (const id of [child_id, parent_id]) {
      if (!(await this.#exists("context", id))) {
        throw invalid(
          `Given parent / child id in the parent_context cannot be found: child_id: ${child_id} parent_id: ${parent_id}`,
        );
      }
    }
    if (!isOwn(child_id)) throw belongsToRun(`give context ${child_id} another parent`);
    const twin = await this.#db
      .selectFrom("metadata_parent")
      .select("child")
      .where("ns", "=", this.#ns)
      .where("child", "=", child_id)
      .where("parent", "=", parent_id)
      .executeTakeFirst();
    if (twin)
      throw new RpcError(
        "ALREADY_EXISTS",
        `Given parent_context already exists: child_id: ${child_id} parent_id: ${parent_id}`,
      );
    if (await this.#isBelow(parent_id, child_id)) throw invalid("There is a cycle detected of the given relationship.");
    await this.#db
      .insertInto("metadata_parent")
      .values({
        ns: this.#ns,
        child: child_id,
        parent: parent_id,
        system_metadata: system_metadata === undefined ? null : JSON.stringify(system_metadata),
      })
      .execute();
  }

  /** Is `id` the context itself, or anywhere below it? */
  async #isBelow(id: number, above: number): Promise<boolean> {
    const seen = new Set<number>();
    let level = [id];
    while (level.length > 0) {
      if (level.includes(above)) return true;
      for (const each of level) seen.add(each);
      const rows = await this.#db
        .selectFrom("metadata_parent")
        .select("parent")
        .distinct()
        .where("ns", "=", this.#ns)
        .where("child", "in", level)
        .execute();
      level = rows.map(({ parent }) => parent).filter((parent) => !seen.has(parent));
    }
    return false;
  }

  async findByName(kind: NodeKind, { type_id = 0, name = "" }: MetadataNode): Promise<number | undefined> {
    const nodes = this.#db.selectFrom("metadata_node").select("id").where("ns", "=", this.#ns).where("kind", "=", kind);
    return (await nodes.where("type", "=", type_id).where("name", "=", name).executeTakeFirst())?.id;
  }

  async findByExternalId(kind: NodeKind, externalId: string): Promise<number | undefined> {
    const nodes = this.#db.selectFrom("metadata_node").select("id").where("ns", "=", this.#ns).where("kind", "=", kind);
    return (await nodes.where("external_id", "=", externalId).executeTakeFirst())?.id;
  }

  async #exists(kind: NodeKind, id: number): Promise<boolean> {
    if (!isOwn(id)) return this.#lineage[kind].has(id);
    const nodes = this.#db.selectFrom("metadata_node").select("id").where("ns", "=", this.#ns).where("kind", "=", kind);
    return (await nodes.where("id", "=", id).executeTakeFirst()) !== undefined;
  }

  async #allTypes(): Promise<readonly MetadataType[]> {
    this.#types ??= await readTypes(this.#db, [this.#ns]);
    return this.#types;
  }
}

type Properties = Readonly<Record<string, PropertyType>>;

/** A type of any kind, as a request has it. */
export interface GivenType {
  readonly id?: number | undefined;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly description?: string | undefined;
  readonly external_id?: string | undefined;
  readonly properties?: Properties | undefined;
  readonly base_type?: string | undefined;
}

const kindWord: Readonly<Record<NodeKind, string>> = {
  artifact: "artifact",
  execution: "execution",
  context: "context",
};

function storedFields(row: NodeRow): Readonly<Record<string, unknown>> {
  return {
    name: row.name ?? undefined,
    uri: row.uri ?? undefined,
    external_id: row.external_id ?? undefined,
    [row.kind === "artifact" ? "state" : "last_known_state"]: row.state ?? undefined,
    properties: JSON.parse(row.properties),
    custom_properties: JSON.parse(row.custom_properties),
    system_metadata: row.system_metadata === null ? undefined : JSON.parse(row.system_metadata),
  };
}

function givenFields(kind: NodeKind, node: MetadataNode): Readonly<Record<string, unknown>> {
  const { name, external_id, properties = {}, custom_properties = {}, system_metadata } = node;
  const { uri, state } = node as Artifact;
  const { last_known_state } = node as Execution;
  return {
    name,
    external_id,
    properties,
    custom_properties,
    system_metadata,
    ...(kind === "artifact" && { uri, state }),
    ...(kind === "execution" && { last_known_state }),
  };
}

const isEmpty = (content: unknown): boolean =>
  typeof content === "object" && content !== null && Object.keys(content).length === 0;

/** As JSON has it: what is undefined is not there. */
const plain = (content: unknown): unknown => (content === undefined ? undefined : JSON.parse(JSON.stringify(content)));

function checkLength(field: string, text: string | undefined, limit: number): void {
  if (text !== undefined && text.length > limit) {
    throw invalid(`${field}: Invalid value: has ${text.length} characters, ${limit} are allowed`);
  }
}

const invalid = (message: string): RpcError => new RpcError("INVALID_ARGUMENT", message);

const belongsToRun = (what: string): RpcError =>
  new RpcError("FAILED_PRECONDITION", `Cannot ${what}: it belongs to a run, and only its engine writes it`);
