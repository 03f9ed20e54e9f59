import {
  apiVersionOf,
  type ApiResponse,
  type Clock,
  type KubeObject,
  type ObjectList,
  type ResourceDefinition,
} from "@headrace/model";
import { stringify } from "yaml";
import type { Form } from "./negotiation.ts";
import type { Page, Version } from "./source.ts";
import { columnDefinitions, partialMetadata, tableOf, tableRow, type IncludeObject } from "./table.ts";

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

/** A page of a list. As JSON it is the objects' bytes in a row, without parsing any. */
export function renderPage(page: Page, { form, definition, include, clock }: Presentation): ApiResponse {
  const metadata = {
    resourceVersion: page.resourceVersion,
    ...(page.continue !== undefined && { continue: page.continue }),
    ...(page.remaining !== undefined && page.continue !== undefined && { remainingItemCount: page.remaining }),
  };
  const head = { kind: definition.listKind, apiVersion: apiVersionOf(definition), metadata };
  if (form.as === "Table") {
    const rows = page.versions.map(({ object }) => tableRow(definition, object, include, clock.now()));
    return renderValue(tableOf(rows, columnDefinitions(definition), metadata), form);
  }
  if (form.as === "PartialObjectMetadata") {
    const items = page.versions.map(({ object }) => partialMetadata(object));
    return renderValue({ kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata, items }, form);
  }
  if (form.encoding === "json") return { status: 200, headers: jsonHeaders, body: joinedBytes(head, page.versions) };
  const list: ObjectList<KubeObject> = { ...head, items: page.versions.map(({ object }) => object) };
  return renderValue(list, form);
}

function joinedBytes(head: object, versions: readonly Version[]): Uint8Array {
  const start = encoder.encode(`${JSON.stringify(head).slice(0, -1)},"items":[`);
  const commas = Math.max(0, versions.length - 1);
  const body = new Uint8Array(versions.reduce((sum, { bytes }) => sum + bytes.length, start.length + commas + 2));
  body.set(start);
  let at = start.length;
  for (const [index, { bytes }] of versions.entries()) {
    if (index > 0) body[at++] = comma;
    body.set(bytes, at);
    at += bytes.length;
  }
  body.set(end, at);
  return body;
}

const comma = 0x2c;
const end = encoder.encode("]}");
