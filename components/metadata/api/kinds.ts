import { defineMessage, s, type Schema } from "@headrace/model";
import { RpcError, type RpcService, unary } from "@headrace/rpc";
import {
  artifact,
  artifactType,
  context,
  contextType,
  execution,
  executionType,
  fieldMask,
  type ListOptions,
  listOptions,
  transactionOptions,
} from "../core/messages.ts";
import { type MetadataNode, type MetadataType, type Search, typeMessage } from "../core/nodes.ts";
import type { NodeKind } from "../core/filter.ts";
import type { GivenType } from "../records/writer.ts";
import { checkCount, type MetadataOptions, viewFor, write } from "./caller.ts";
import { list } from "./listing.ts";

/** What a kind of node is called in the API, and the shapes of its nodes and types. */
interface Kind {
  readonly kind: NodeKind;
  /** `Artifact`, as in GetArtifactsByID. */
  readonly word: string;
  readonly node: Schema<object>;
  readonly type: Schema<object>;
}

const kinds: readonly Kind[] = [
  { kind: "artifact", word: "Artifact", node: artifact, type: artifactType },
  { kind: "execution", word: "Execution", node: execution, type: executionType },
  { kind: "context", word: "Context", node: context, type: contextType },
];

type Methods = RpcService["methods"];
type Fields = Readonly<Record<string, Schema>>;
type Plain = Readonly<Record<string, unknown>>;

const text = s.string();
const id = s.integer({ format: "int64" });
const flag = s.boolean();

const message = (name: string, fields: Fields): Schema<Plain> => defineMessage(`ml_metadata.${name}`, fields);

/** The methods that each kind of node has: eleven for artifacts, executions and contexts alike. */
export function kindMethods(options: MetadataOptions): Methods {
  return Object.assign({}, ...kinds.flatMap((kind) => [typeMethods(options, kind), nodeMethods(options, kind)]));
}

function typeMethods(options: MetadataOptions, { kind, word, type }: Kind): Methods {
  const one = `${kind}_type`;
  const many = `${kind}_types`;
  const answer = (name: string) => message(name, { [many]: s.at(1, s.list(type)) });
  const listed = (types: readonly MetadataType[]) => ({ [many]: types.map(typeMessage) });
  return {
    [`Put${word}Type`]: unary(
      message(`Put${word}TypeRequest`, { [one]: s.at(1, type), ...typeOptions(2, 5, 3, 4, 6) }),
      message(`Put${word}TypeResponse`, { type_id: s.at(1, id) }),
      async (request, call) => {
        checkTypeOptions(request);
        const given = (request[one] ?? {}) as GivenType;
        return write(options, call, {}, async (writer) => ({ type_id: await writer.putType(kind, given, request) }));
      },
    ),
    [`Get${word}Type`]: unary(
      message(`Get${word}TypeRequest`, {
        type_name: s.at(1, text),
        type_version: s.at(2, text),
        transaction_options: s.at(3, transactionOptions),
      }),
      message(`Get${word}TypeResponse`, { [one]: s.at(1, type) }),
      async ({ type_name, type_version }, call) => {
        const name = String(type_name ?? "");
        const found = await (await viewFor(options, call)).findType(kind, name, String(type_version ?? ""));
        if (found) return { [one]: typeMessage(found) };
        throw new RpcError(
          "NOT_FOUND",
          `No type found for query, name: \`${name}\`, version: \`${String(type_version ?? "")}\``,
        );
      },
    ),
    [`Get${word}TypesByID`]: unary(
      message(`Get${word}TypesByIDRequest`, {
        type_ids: s.at(1, s.list(id)),
        transaction_options: s.at(2, transactionOptions),
      }),
      answer(`Get${word}TypesByIDResponse`),
      async ({ type_ids }, call) => {
        const wanted = new Set(listOf<number>(type_ids));
        const types = await (await viewFor(options, call)).types();
        return listed(types.filter((each) => each.kind === kind && wanted.has(each.id)));
      },
    ),
    [`Get${word}Types`]: unary(
      message(`Get${word}TypesRequest`, { transaction_options: s.at(1, transactionOptions) }),
      answer(`Get${word}TypesResponse`),
      async (_, call) => listed(await (await viewFor(options, call)).listTypes(kind)),
    ),
    [`Get${word}TypesByExternalIds`]: unary(
      message(`Get${word}TypesByExternalIdsRequest`, externalIds),
      answer(`Get${word}TypesByExternalIdsResponse`),
      async ({ external_ids }, call) => {
        const wanted = readExternalIds(external_ids);
        const types = await (await viewFor(options, call)).types();
        const found = types.filter((each) => each.kind === kind && wanted.includes(each.external_id ?? ""));
        if (wanted.length > 0 && found.length === 0)
          throw new RpcError("NOT_FOUND", "No types found for external_ids.");
        return listed(found);
      },
    ),
  };
}

function nodeMethods(options: MetadataOptions, { kind, word, node, type }: Kind): Methods {
  const many = `${kind}s`;
  const page = (name: string) => message(name, { [many]: s.at(1, s.list(node)), next_page_token: s.at(2, text) });
  const listed = async (call: Parameters<typeof viewFor>[1], search: Search, given: unknown) => {
    const { nodes, next_page_token } = await list(
      await viewFor(options, call),
      kind,
      search,
      given as ListOptions | undefined,
    );
    return { [many]: nodes, next_page_token };
  };
  // The one message of the three that numbers its fields otherwise.
  const [optionsAt, versionAt] = kind === "context" ? [2, 3] : [3, 2];
  return {
    [`Put${word}s`]: unary(
      message(`Put${word}sRequest`, putFields(kind, node)),
      message(`Put${word}sResponse`, { [`${kind}_ids`]: s.at(1, s.list(id)) }),
      async (request, call) => {
        const nodes = listOf<MetadataNode>(request[many]);
        checkCount(nodes);
        const how = request as { options?: { abort_if_latest_updated_time_changed?: boolean }; update_mask?: object };
        const abortIfChanged = how.options?.abort_if_latest_updated_time_changed;
        return write(options, call, { [kind]: nodes.map((each) => each.id) }, async (writer) => {
          const ids: number[] = [];
          for (const each of nodes) {
            ids.push(await writer.putNode(kind, each, { update_mask: how.update_mask, abortIfChanged }));
          }
          return { [`${kind}_ids`]: ids };
        });
      },
    ),
    [`Get${word}s`]: unary(
      message(`Get${word}sRequest`, {
        options: s.at(1, listOptions),
        transaction_options: s.at(2, transactionOptions),
      }),
      page(`Get${word}sResponse`),
      async (request, call) => listed(call, {}, request["options"]),
    ),
    [`Get${word}sByID`]: unary(
      message(`Get${word}sByIDRequest`, {
        [`${kind}_ids`]: s.at(1, s.list(id)),
        transaction_options: s.at(2, transactionOptions),
        ...(kind === "artifact" && { populate_artifact_types: s.at(3, flag) }),
      }),
      message(`Get${word}sByIDResponse`, {
        [many]: s.at(1, s.list(node)),
        ...(kind === "artifact" && { artifact_types: s.at(2, s.list(type)) }),
      }),
      async (request, call) => {
        const view = await viewFor(options, call);
        const ids = listOf<number>(request[`${kind}_ids`]);
        const nodes = await view.all(kind, { ids });
        if (request["populate_artifact_types"] !== true) return { [many]: nodes };
        const shown = new Set(nodes.map(({ type_id }) => type_id));
        return {
          [many]: nodes,
          artifact_types: (await view.types()).filter((each) => shown.has(each.id)).map(typeMessage),
        };
      },
    ),
    [`Get${word}sByType`]: unary(
      message(`Get${word}sByTypeRequest`, {
        type_name: s.at(1, text),
        type_version: s.at(versionAt ?? 2, text),
        options: s.at(optionsAt ?? 3, listOptions),
        transaction_options: s.at(4, transactionOptions),
      }),
      page(`Get${word}sByTypeResponse`),
      async ({ type_name, type_version, options: given }, call) => {
        const view = await viewFor(options, call);
        const found = await view.findType(kind, String(type_name ?? ""), String(type_version ?? ""));
        return found ? listed(call, { typeIds: [found.id] }, given) : {};
      },
    ),
    [`Get${word}ByTypeAndName`]: unary(
      message(`Get${word}ByTypeAndNameRequest`, {
        type_name: s.at(1, text),
        [`${kind}_name`]: s.at(2, text),
        type_version: s.at(3, text),
        transaction_options: s.at(4, transactionOptions),
      }),
      message(`Get${word}ByTypeAndNameResponse`, { [kind]: s.at(1, node) }),
      async (request, call) => {
        const view = await viewFor(options, call);
        const { type_name, type_version } = request;
        const found = await view.findType(kind, String(type_name ?? ""), String(type_version ?? ""));
        const name = String(request[`${kind}_name`] ?? "");
        const [first] = found ? await view.all(kind, { typeIds: [found.id], names: [name] }) : [];
        return first ? { [kind]: first } : {};
      },
    ),
    [`Get${word}sByExternalIds`]: unary(
      message(`Get${word}sByExternalIdsRequest`, externalIds),
      message(`Get${word}sByExternalIdsResponse`, { [many]: s.at(1, s.list(node)) }),
      async ({ external_ids }, call) => {
        const wanted = readExternalIds(external_ids);
        const nodes = await (await viewFor(options, call)).all(kind, { externalIds: wanted });
        if (wanted.length > 0 && nodes.length === 0) {
          throw new RpcError("NOT_FOUND", `No ${many} found for external_ids.`);
        }
        return { [many]: nodes };
      },
    ),
  };
}

const externalIds: Fields = {
  external_ids: s.at(1, s.list(text)),
  transaction_options: s.at(2, transactionOptions),
};

function putFields(kind: NodeKind, node: Schema): Fields {
  const nodes = { [`${kind}s`]: s.at(1, s.list(node)) };
  if (kind !== "artifact") {
    return { ...nodes, transaction_options: s.at(2, transactionOptions), update_mask: s.at(3, fieldMask) };
  }
  const how = message("PutArtifactsRequest.Options", { abort_if_latest_updated_time_changed: s.at(1, flag) });
  return {
    ...nodes,
    options: s.at(2, how),
    transaction_options: s.at(3, transactionOptions),
    update_mask: s.at(4, fieldMask),
  };
}

/** How a known type may change, by the numbers of its fields. */
export function typeOptions(add: number, omit: number, remove: number, match: number, transaction: number) {
  return {
    can_add_fields: s.at(add, flag),
    can_omit_fields: s.at(omit, flag),
    can_delete_fields: s.at(remove, flag),
    all_fields_match: s.at(match, flag),
    transaction_options: s.at(transaction, transactionOptions),
  };
}

/** Upstream never did these two, either. */
export function checkTypeOptions({ can_delete_fields, all_fields_match }: Plain): void {
  if (can_delete_fields === true)
    throw new RpcError("UNIMPLEMENTED", "can_delete_fields is not supported: properties of a type stay");
  if (all_fields_match === false) throw new RpcError("UNIMPLEMENTED", "Must match all fields.");
}

function readExternalIds(given: unknown): readonly string[] {
  const ids = listOf<string>(given);
  if (ids.includes("")) {
    throw new RpcError("INVALID_ARGUMENT", "Invalid argument because at least one empty external_id exists.");
  }
  return [...new Set(ids)];
}

/** A list that is not there is empty. */
function listOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? value : [];
}
