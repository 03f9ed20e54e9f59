import { stringify } from "yaml";
import { readDocuments } from "../core/document.ts";
import { isObject } from "../core/json.ts";

/** As `kfp compile` writes it: the pipeline's document, and the platform's after it if there is one. */
export function specToYaml(spec: unknown): string {
  const wrapped = isObject(spec) ? spec["pipeline_spec"] : undefined;
  const documents = isObject(spec) && isObject(wrapped) ? [wrapped, spec["platform_spec"]] : [spec];
  return documents
    .filter((document) => document !== undefined && document !== null)
    .map((document) => stringify(document, { version: "1.1", lineWidth: 0, blockQuote: "literal" }))
    .join("---\n");
}

/** The two shapes in which the API takes a spec, read from a compiled file as the server reads it. Throws ApiError BadRequest. */
export function yamlToSpec(text: string): unknown {
  const documents = readDocuments(text);
  const platform = documents.find((document) => "platforms" in document);
  const pipeline = documents.find((document) => document !== platform);
  return platform === undefined ? pipeline : { pipeline_spec: pipeline, platform_spec: platform };
}
