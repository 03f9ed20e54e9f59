import type { ParameterSpec } from "../core/ir.ts";
import { isObject } from "../core/json.ts";
import { readPipelineSpec, type SpecDag } from "./pipeline-spec.ts";
import { bareSpec, pipelineInputs } from "./planned-task.ts";

/** What a file that is about to be uploaded turned out to hold. */
export type UploadContent =
  | {
      readonly kind: "pipeline";
      readonly spec: unknown;
      readonly name: string;
      readonly description: string;
      readonly steps: number;
      readonly parameters: ReadonlyMap<string, ParameterSpec>;
    }
  /** An archive, or too large to look into: the server will. */
  | { readonly kind: "unread" }
  | { readonly kind: "broken"; readonly why: string };

const largest = 8 * 1024 * 1024;

export async function readUpload(file: File): Promise<UploadContent> {
  if (!/\.(ya?ml|json)$/i.test(file.name) || file.size > largest) return { kind: "unread" };
  const { yamlToSpec } = await import("./spec-yaml.ts");
  try {
    const spec = yamlToSpec(await file.text());
    const dag = readPipelineSpec(spec);
    const info = bareSpec(spec)["pipelineInfo"];
    const name = isObject(info) ? info["name"] : undefined;
    const description = isObject(info) ? info["description"] : undefined;
    if (!dag || typeof name !== "string") return { kind: "broken", why: "pipelineInfo.name, root.dag" };
    return {
      kind: "pipeline",
      spec,
      name,
      description: typeof description === "string" ? description : "",
      steps: countSteps(dag),
      parameters: pipelineInputs(spec),
    };
  } catch (error) {
    const why = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return { kind: "broken", why: why.replace(/^Cannot read the pipeline.*?: /, "") };
  }
}

function countSteps(dag: SpecDag): number {
  return dag.tasks.reduce((sum, task) => sum + (task.dag ? countSteps(task.dag) : 1), 0);
}

/** A pipeline's file named by its pipeline, where it does not say so itself. */
export const nameOfFile = (fileName: string): string => fileName.replace(/\.(ya?ml|json|zip|tar\.gz|tgz)$/i, "");
