import { inChunks, type Records } from "@headrace/records";
import { type Component, type Dag, type OutputSource, type Pipeline, taskAt } from "../core/ir.ts";
import { pipelineRootOf, runDirectory } from "../core/pipeline-root.ts";
import type { PipelineTables } from "../records/tables.ts";
import type { PipelineCache } from "./pipeline-cache.ts";

/** What pipelines know of a run beyond the lineage: for faces that show it in the words of ML Metadata. */
export interface RunFacts {
  readonly pipelineName: string;
  readonly resourceName: string;
  /** Where the run's artifacts go. */
  readonly pipelineRoot: string;
}

/** What a run's pipeline says of one of its tasks. */
export interface StepFacts {
  /** Of a container. May hold placeholders. */
  readonly image?: string;
  /** Of a group: how many tasks it declares, and which of them its outputs come from, in KFP's own JSON. */
  readonly group?: {
    readonly taskCount: number;
    readonly parameterProducers: Readonly<Record<string, object>>;
    readonly artifactProducers: Readonly<Record<string, object>>;
  };
}

export interface LineageFacts {
  /** By the run's id. What nobody knows is left out. */
  runs(ids: readonly string[]): Promise<ReadonlyMap<string, RunFacts>>;
  /** The runs of pipelines of these names, at most `limit`, oldest first. */
  runsOf(
    pipelines: readonly { readonly ns: string; readonly name: string }[],
    limit: number,
  ): Promise<readonly RunOf[]>;
  /** For tasks of these runs, by run and the task's key. */
  steps(runs: readonly string[]): Promise<(run: string, key: string) => StepFacts | undefined>;
}

export interface RunOf {
  readonly run: string;
  readonly ns: string;
  readonly pipelineName: string;
}

export interface LineageFactsOptions {
  readonly records: Records;
  readonly pipelines: PipelineCache;
  readonly defaultPipelineRoot: string;
}

export function createLineageFacts({ records, pipelines, defaultPipelineRoot }: LineageFactsOptions): LineageFacts {
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
    async runs(ids) {
      const facts = new Map<string, RunFacts>();
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
    async runsOf(wanted, limit) {
      const found: RunOf[] = [];
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
    async steps(runs) {
      const specs = new Map<string, Pipeline>();
      for (const { run, ns, spec } of await rowsOf(runs)) specs.set(run, await pipelines.read(db, ns, spec));
      return (run, key) => {
        const component = componentOf(specs.get(run), key);
        return component && factsOf(component);
      };
    },
  };
}

/** A run's root is the one task that no other declares. */
const componentOf = (pipeline: Pipeline | undefined, key: string): Component | undefined =>
  pipeline && (key.includes("/") ? taskAt(pipeline.root, key)?.component : pipeline.root);

function factsOf({ body }: Component): StepFacts {
  if (body.kind === "container") return { image: body.image };
  return body.kind === "dag" ? { group: groupFacts(body) } : {};
}

function groupFacts({ tasks, outputs }: Dag): NonNullable<StepFacts["group"]> {
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
