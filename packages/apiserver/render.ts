import { apiVersionOf, type ApiResponse, type Clock, type ResourceDefinition } from "@headrace/model";
import { stringify } from "yaml";
import type { Form } from "./negotiation.ts";
import { versionsOf, type Page, type Version } from "./source.ts";
import { columnDefinitions, partialMetadata, tableHead, tableOf, tableRow, type IncludeObject } from "./table.ts";

export interface Presentation {
  readonly form: Form;
  readonly definition: ResourceDefinition;
  readonly include: IncludeObject;
  /** For the ages in Tables. */
  readonly clock: Clock;
}

const encoder = new TextEncoder();

/** Answers are about one moment: no proxy may keep them. */
const uncached = { "cache-control": "no-cache, private" };
const jsonHeaders = { "content-type": "application/json", ...uncached };
const yamlHeaders = { "content-type": "application/yaml", ...uncached };

/** Any value in the encoding that the caller asked for. */
export function renderValue(value: unknown, { encoding }: Form, status = 200): ApiResponse {
  if (encoding === "value") return { status, headers: {}, value };
  if (encoding === "yaml") return { status, headers: yamlHeaders, body: stringify(value) };
  return { status, headers: jsonHeaders, body: JSON.stringify(value) };
}

/** One object. As JSON it is the very bytes that lie on disk. */
export function renderObject(
  version: Version,
  { form, definition, include, clock }: Presentation,
  status = 200,
): ApiResponse {
  const { object } = version;
  if (form.as === "Table") {
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    return renderValue(
      tableOf([tableRow(definition, object, include, clock.now())], columnDefinitions(definition), metadata),
      form,
      status,
    );
  }
  if (form.as === "PartialObjectMetadata") return renderValue(partialMetadata(object), form, status);
  if (form.encoding === "json") return { status, headers: jsonHeaders, body: version.bytes };
  return renderValue(object, form, status);
}

/** How a list is written: the object around its members, the field that they are in, and each of them. */
interface ListForm {
  readonly head: object;
  readonly field: "items" | "rows";
  readonly show: (version: Version) => unknown;
}

/** A page of a list, as it is read: only what fits into one piece is written in one go. */
export async function renderPage(page: Page, presentation: Presentation): Promise<ApiResponse> {
  const { encoding } = presentation.form;
  const list = listForm(page, presentation);
  if (encoding === "value" || (encoding === "yaml" && page.rest === undefined)) {
    const versions = await versionsOf(page);
    return renderValue({ ...list.head, [list.field]: versions.map(list.show) }, presentation.form);
  }
  if (encoding === "yaml") return { status: 200, headers: yamlHeaders, body: yamlPieces(list, page) };
  const write = presentation.form.as === "Object" ? joinedBytes : membersOf(list.show);
  const body = jsonPieces(list, write, page);
  return { status: 200, headers: jsonHeaders, body: page.rest === undefined ? await whole(body) : body };
}

function listForm(page: Page, { form, definition, include, clock }: Presentation): ListForm {
  const metadata = {
    resourceVersion: page.resourceVersion,
    ...(page.continue !== undefined && { continue: page.continue }),
    ...(page.remaining !== undefined && page.continue !== undefined && { remainingItemCount: page.remaining }),
  };
  if (form.as === "Table") {
    const head = tableHead(columnDefinitions(definition), metadata);
    return { head, field: "rows", show: ({ object }) => tableRow(definition, object, include, clock.now()) };
  }
  if (form.as === "PartialObjectMetadata") {
    const head = { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata };
    return { head, field: "items", show: ({ object }) => partialMetadata(object) };
  }
  const head = { kind: definition.listKind, apiVersion: apiVersionOf(definition), metadata };
  return { head, field: "items", show: ({ object }) => object };
}

async function* jsonPieces(
  { head, field }: ListForm,
  write: (versions: readonly Version[]) => Uint8Array,
  page: Page,
): AsyncGenerator<Uint8Array> {
  yield encoder.encode(`${JSON.stringify(head).slice(0, -1)},"${field}":[`);
  let isFirst = true;
  for await (const versions of piecesOf(page)) {
    if (!isFirst) yield comma;
    isFirst = false;
    yield write(versions);
  }
  yield end;
}

/** Of a sequence, YAML lets the members stand below its name: those of one piece after those of another. */
async function* yamlPieces({ head, field, show }: ListForm, page: Page): AsyncGenerator<string> {
  yield `${stringify(head)}${field}:`;
  let isEmpty = true;
  for await (const versions of piecesOf(page)) {
    isEmpty = false;
    yield `\n${stringify(versions.map(show))}`;
  }
  if (isEmpty) yield " []\n";
}

/** Those in which a selection left something. */
async function* piecesOf({ versions, rest }: Page): AsyncGenerator<readonly Version[]> {
  if (versions.length > 0) yield versions;
  for await (const piece of rest ?? []) if (piece.length > 0) yield piece;
}

/** As JSON, a list is its objects' bytes in a row, without parsing any. */
const joinedBytes = (versions: readonly Version[]): Uint8Array =>
  concatenated(versions.flatMap(({ bytes }, index) => (index > 0 ? [comma, bytes] : [bytes])));

const membersOf = (show: ListForm["show"]) => (versions: readonly Version[]) =>
  encoder.encode(JSON.stringify(versions.map(show)).slice(1, -1));

const whole = async (pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> =>
  concatenated(await Array.fromAsync(pieces));

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const comma = encoder.encode(",");
const end = encoder.encode("]}");
