import { notAcceptable } from "./errors.ts";

/** How an answer is to be written. */
export interface Form {
  readonly encoding: "json" | "yaml" | "value";
  /** `Object` is the object itself. */
  readonly as: "Object" | "Table" | "PartialObjectMetadata" | "APIGroupDiscoveryList";
}

interface MediaRange {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

const json: Form = { encoding: "json", as: "Object" };

/** Clients send the same few headers over and over. */
const known = new Map<string, readonly Form[]>();
const mostKnown = 200;

/** The first form that the caller accepts and this server can write. Throws NotAcceptable if there is none (protobuf alone). */
export function formOf(
  accept: string | undefined,
  canBe: readonly Form["as"][] = ["Object", "Table", "PartialObjectMetadata"],
): Form {
  if (accept === undefined || accept === "") return json;
  const form = formsOf(accept).find(({ as }) => canBe.includes(as));
  if (form === undefined) throw notAcceptable();
  return form;
}

function formsOf(accept: string): readonly Form[] {
  let forms = known.get(accept);
  if (forms === undefined) {
    forms = rangesOf(accept).flatMap((range) => formsIn(range));
    if (known.size >= mostKnown) known.clear();
    known.set(accept, forms);
  }
  return forms;
}

function rangesOf(accept: string): readonly MediaRange[] {
  return accept
    .split(",")
    .map((part): MediaRange => {
      const [type = "", ...rest] = part.split(";").map((each) => each.trim());
      const parameters = Object.fromEntries(
        rest.map((each) => each.split("=")).map(([name = "", value = ""]) => [name, value]),
      );
      return { type: type.toLowerCase(), parameters, quality: Number(parameters["q"] ?? 1) };
    })
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality);
}

function formsIn({ type, parameters }: MediaRange): readonly Form[] {
  const encoding = encodings[type];
  const as = shapeOf(parameters);
  return encoding && as ? [{ encoding, as }] : [];
}

const encodings: Readonly<Record<string, Form["encoding"]>> = {
  "application/json": "json",
  "application/*": "json",
  "*/*": "json",
  "application/yaml": "yaml",
  "application/x-headrace-value": "value",
};

function shapeOf({ as, g, v }: MediaRange["parameters"]): Form["as"] | undefined {
  if (as === undefined) return "Object";
  if (g === "meta.k8s.io" && v === "v1") {
    if (as === "Table") return "Table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "PartialObjectMetadata";
  }
  return as === "APIGroupDiscoveryList" && g === "apidiscovery.k8s.io" && v === "v2" ? as : undefined;
}
