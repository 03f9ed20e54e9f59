import { inChunks, type Records } from "@headrace/records";
import { type Component, type Dag, type OutputSource, type Pipeline, taskAt } from "../core/ir.ts";
import { pipelineRootOf, runDirectory } from "../core/pipeline-root.ts";
import type { PipelineTables } from "../records/tables.ts";
import type { PipelineCache } from "./pipeline-cache.ts";

export interface LineageFactsOptions {
  readonly records: Records;
  readonly pipelines: PipelineCache;
  readonly defaultPipelineRoot: string;
}

/** What pipelines know of runs beyond the lineage, as the faces ask for it that show it in ML Metadata's words. */
export function createLineageFacts({ records, pipelines, defaultPipelineRoot }: LineageFactsOptions) {
  const { db } = records.all<PipelineTables>();

  const rowsOf = (ids: readonly string[]) =>
    inChunks(ids, (chunk) =>
      db
        .selectFrom("pipeline_run")
        .select(["run", "ns", "spec", "pipeline_name", "resource_name", "pipeline_root"])
        .where("run", "in", chunk)
        .execute(),
    );

  return {
    /** By the run's id. What nobody knows is left out. */
    async runs(ids: readonly string[]) {
      const facts = new Map<string, { pipelineName: string; resourceName: string; pipelineRoot: string }>();
      for (const row of await rowsOf(ids)) {
        const pipeline = await pipelines.read(db, row.ns, row.spec);
        const root = pipelineRootOf(row.pipeline_root, pipeline.defaultPipelineRoot, defaultPipelineRoot);
        facts.set(row.run, {
          pipelineName: row.pipeline_name,
          resourceName: row.resource_name,
          pipelineRoot: runDirectory(root, row),
        });
      }
      return facts;
    },
    /** The runs of pipelines of these names, at most `limit`, oldest first. */
    async runsOf(wanted: readonly { readonly ns: string; readonly name: string }[], limit: number) {
      const found: { run: string; ns: string; pipelineName: string }[] = [];
      for (const { ns, name } of wanted) {
        const rows = await db
          .selectFrom("pipeline_run")
          .select(["run", "ns", "pipeline_name as pipelineName"])
          .where("ns", "=", ns)
          .where("pipeline_name", "=", name)
          .orderBy("created_at")
          .limit(limit - found.length)
          .execute();
        found.push(...rows);
        if (found.length >= limit) break;
      }
      return found;
    },
    /** For tasks of these runs, by run and the task's key. */
    async steps(runs: readonly string[]) {
      const specs = new Map<string, Pipeline>();
      for (const { run, ns, spec } of await rowsOf(runs)) specs.set(run, await pipelines.read(db, ns, spec));
      return (run: string, key: string) => {
        const component = componentOf(specs.get(run), key);
        return component && factsOf(component);
      };
    },
  };
}

/** A run's root is the one task that no other declares. */
const componentOf = (pipeline: Pipeline | undefined, key: string): Component | undefined =>
  pipeline && (key.includes("/") ? taskAt(pipeline.root, key)?.component : pipeline.root);

/** A container's image, which may hold placeholders; of a group, where its outputs come from, in KFP's own JSON. */
function factsOf({ body }: Component) {
  if (body.kind === "container") return { image: body.image };
  return body.kind === "dag" ? { group: groupFacts(body) } : {};
}

function groupFacts({ tasks, outputs }: Dag) {
  return {
    taskCount: tasks.size,
    parameterProducers: Object.fromEntries(
      [...outputs.parameters].map(([name, source]) => [name, parameterFrom(source)]),
    ),
    artifactProducers: Object.fromEntries([...outputs.artifacts].map(([name, source]) => [name, artifactFrom(source)])),
  };
}

function parameterFrom({ oneOf, candidates }: OutputSource): object {
  const selectors = candidates.map(({ task, key }) => ({ producerSubtask: task, outputParameterKey: key }));
  return oneOf ? { valueFromOneof: { parameterSelectors: selectors } } : { valueFromParameter: selectors[0] };
}

/** Upstream writes this one with Go's own names. */
function artifactFrom({ candidates }: OutputSource): object {
  return {
    artifact_selectors: candidates.map(({ task, key }) => ({ producer_subtask: task, output_artifact_key: key })),
  };
}
