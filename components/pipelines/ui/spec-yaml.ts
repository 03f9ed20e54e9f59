import { parseAllDocuments, stringify } from "yaml";
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

/** The two shapes in which the API takes a spec, read from a compiled file. Throws YAMLParseError for what is not YAML. */
export function yamlToSpec(text: string): unknown {
  const documents = parseAllDocuments(text, { version: "1.1", logLevel: "error" });
  const values: unknown[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors;
    if (error) throw error;
    values.push(document.toJS({ maxAliasCount: 100 }));
  }
  const platform = values.find((value) => isObject(value) && "platforms" in value);
  const pipeline = values.find((value) => value !== platform);
  return platform === undefined ? pipeline : { pipeline_spec: pipeline, platform_spec: platform };
}
