import { badRequest } from "@headrace/model";
import { type Document, isScalar, parseAllDocuments, type ScalarTag, visit } from "yaml";
import { isObject, type JsonObject, type JsonValue } from "./json.ts";

/** Upstream's limit for an uploaded pipeline. */
export const maxDocumentBytes = 32 * 1024 * 1024;
/** Compiled pipelines have none; a small number forbids documents that grow when they are expanded. */
const maxAliases = 100;
const maxDepth = 200;

/**
 * YAML (one or more documents) or JSON, as objects. Scalars are read as PyYAML writes them, that is by YAML 1.1 rules: `1e3`
 * is text there, and a YAML 1.2 reader would make a number of it. Throws ApiError BadRequest.
 */
export function readDocuments(text: string): readonly JsonObject[] {
  // In a browser too, which reads what it is about to upload.
  if (new Blob([text]).size > maxDocumentBytes) {
    throw badRequest(`Cannot read the pipeline: it is larger than ${maxDocumentBytes / 1024 / 1024} MiB`);
  }
  const values = text.trimStart().startsWith("{") ? [readJson(text)] : readYaml(text);
  return values.filter((value) => value !== null).map(asDocument);
}

function asDocument(value: unknown, index: number): JsonObject {
  if (!isObject(value)) throw badRequest(`Cannot read the pipeline: document ${index + 1} is not a mapping`);
  checkDepth(value, 0);
  return value;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`Cannot read the pipeline as JSON: ${message(error)}`, { cause: error });
  }
}

function readYaml(text: string): unknown[] {
  const strict = parseYaml(text);
  const documents = strict.some((document) => document.errors.length > 0)
    ? parseYaml(indentContinuations(text))
    : strict;
  return documents.map((document, index) => {
    const error = document.errors.length > 0 ? (strict[index] ?? document).errors[0] : undefined;
    if (error)
      throw badRequest(`Cannot read the pipeline as YAML: ${error.message} at ${placeIn(text, error.pos[0])}`, {
        cause: error,
      });
    refuseTwins(document, text);
    try {
      return document.toJS({ maxAliasCount: maxAliases });
    } catch (error) {
      throw badRequest(`Cannot read the pipeline as YAML: ${message(error)}`, { cause: error });
    }
  });
}

/** A key that a mapping has twice leaves open which of them counts. */
function refuseTwins(document: Document.Parsed, text: string): void {
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key) || key.value === "<<") continue;
        if (seen.has(key.value))
          throw badRequest(
            `Cannot read the pipeline as YAML: Map keys must be unique at ${placeIn(text, key.range?.[0] ?? 0)}`,
          );
        seen.add(key.value);
      }
    },
  });
}

function placeIn(text: string, offset: number): string {
  const lines = text.slice(0, offset).split("\n");
  return `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`;
}

function parseYaml(text: string) {
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    customTags: scalarTags,
    merge: true,
    stringKeys: true,
    // The place of one error is enough: the reader would look for that of every one, from the start of the text.
    prettyErrors: false,
    // Looked for by refuseTwins: the reader would compare every key with every other.
    uniqueKeys: false,
    logLevel: "error",
  });
  return Array.isArray(documents) ? documents : [];
}

/**
 * PyYAML and Go's reader let a quoted text go on at its parent's indentation, YAML 1.2 does not; some formatters write it so.
 * Blanks at the start of such a line mean nothing, so more of them make the text readable to both.
 */
function indentContinuations(text: string): string {
  const lines = text.split("\n");
  let quote = "";
  let margin = "";
  let block = -1;
  return lines
    .map((line) => {
      const indent = line.length - line.trimStart().length;
      if (quote) {
        if (closes(line, quote)) quote = "";
        return `${margin}${line.trimStart()}`;
      }
      if (block >= 0 && (indent > block || line.trim() === "")) return line;
      block = /(?:^|[-:]) *[|>][-+\d]*$/.test(line) ? indent : -1;
      const opening = /^\s*(?:- +)*(?:[^\s"'#][^"']*: +)?(["'])/.exec(line);
      const mark = opening?.[1] ?? "";
      if (opening && mark && !closes(line.slice(opening[0].length), mark)) {
        quote = mark;
        // As far in as the quote itself is further than any parent.
        margin = " ".repeat(Math.min(opening[0].length, maxDepth));
      }
      return line;
    })
    .join("\n");
}

function closes(rest: string, quote: string): boolean {
  const plain = quote === '"' ? rest.replace(/\\./g, "") : rest.replaceAll("''", "");
  return plain.includes(quote);
}

function checkDepth(value: JsonValue, depth: number): void {
  if (depth > maxDepth) throw badRequest(`Cannot read the pipeline: it is nested more than ${maxDepth} levels deep`);
  if (typeof value !== "object" || value === null) return;
  for (const item of Object.values(value)) checkDepth(item, depth + 1);
}

const scalarTags: ScalarTag[] = [
  { tag: "tag:yaml.org,2002:null", default: true, test: /^(?:~|null|Null|NULL|)$/, resolve: () => null },
  {
    tag: "tag:yaml.org,2002:bool",
    default: true,
    test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
    resolve: (text) => /^(?:y|t|on)/i.test(text),
  },
  {
    tag: "tag:yaml.org,2002:int",
    default: true,
    test: /^[-+]?(?:0b[0-1_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$/,
    resolve: readInteger,
  },
  {
    tag: "tag:yaml.org,2002:float",
    default: true,
    test: /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$/,
    resolve: (text) => Number(text.replaceAll("_", "")),
  },
];

function readInteger(text: string): number {
  const digits = text.replaceAll("_", "").replace(/^[-+]/, "");
  const sign = text.startsWith("-") ? -1 : 1;
  const octal = /^0[0-7]+$/.test(digits);
  return sign * (octal ? Number.parseInt(digits, 8) : Number(digits));
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
