import type { Artifact, Node, Values } from "../core/graph.ts";
import { PipelineFault } from "../core/errors.ts";
import { asText, canonical, isObject, type JsonObject, parseObject } from "../core/json.ts";
import { fillParameters } from "../core/placeholders.ts";
import type { ImporterExecutor } from "../core/ir.ts";
import type { PipelineDatabase } from "../records/tables.ts";
import type { ProducedArtifact } from "../core/step-report.ts";
import { artifactOf, typeColumns } from "./active-run.ts";

/** KFP's one output of an importer. */
export const importedKey = "artifact";

/** The artifact that an importer names, with placeholders in its metadata filled in. Throws PipelineFault. */
export function importedArtifact(node: Node, executor: ImporterExecutor): ProducedArtifact {
  const parameters = node.inputs?.parameters ?? new Map();
  const uri = "constant" in executor.uri ? executor.uri.constant : asText(parameters.get(executor.uri.input) ?? "");
  const filled = fillParameters(uri, parameters);
  if (typeof filled !== "string" || filled === "") {
    throw new PipelineFault(`Cannot import an artifact in task "${node.name}": its URI is empty`);
  }
  return { name: importedKey, uri: filled, type: executor.type, metadata: fillMetadata(executor.metadata, parameters) };
}

function fillMetadata(metadata: JsonObject, parameters: Values["parameters"]): JsonObject {
  const entries = Object.entries(metadata).map(([key, value]) => [
    asText(fillParameters(key, parameters)),
    fillParameters(value, parameters),
  ]);
  const filled: unknown = Object.fromEntries(entries);
  return isObject(filled) ? filled : {};
}

const maxCandidates = 100;

/** The artifact of the same URI, type and metadata that the namespace has already, if any. */
export async function findImported(
  db: PipelineDatabase,
  ns: string,
  wanted: ProducedArtifact,
): Promise<Artifact | undefined> {
  const { type } = typeColumns(wanted.type);
  const rows = await db
    .selectFrom("artifact")
    .selectAll()
    .where("ns", "=", ns)
    .where("uri", "=", wanted.uri)
    .where("type", "=", type)
    .where("state", "=", "LIVE")
    .orderBy("id", "desc")
    .limit(maxCandidates)
    .execute();
  const metadata = canonical(wanted.metadata);
  const same = rows.find((row) => canonical(parseObject(row.metadata)) === metadata);
  return same && artifactOf(same);
}
