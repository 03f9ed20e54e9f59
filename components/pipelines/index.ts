import type { Admission } from "@headrace/apiserver";
import type { ArtifactStore } from "@headrace/artifacts";
import type { Client } from "@headrace/client";
import type { Authorizer, Clock, Component, Controller, Ids } from "@headrace/model";
import type { Records } from "@headrace/records";
import { type ApiContext, type Tenancy } from "./api/context.ts";
import { ensureDefaultExperiment } from "./api/experiments.ts";
import { packageFetcher } from "./api/package-url.ts";
import { writePipeline, writeVersion } from "./api/pipeline-objects.ts";
import { PipelineReader } from "./api/pipeline-text.ts";
import { apiRoutes } from "./api/routes.ts";
import { writeScheduledWorkflow } from "./api/scheduled-workflows.ts";
import { artifactProjection } from "./controllers/artifact-projection.ts";
import { createEngine } from "./controllers/engine.ts";
import { explainCache } from "./controllers/cache-explanation.ts";
import { createExplain } from "./controllers/explain.ts";
import { createLineageFacts } from "./controllers/lineage-facts.ts";
import { pipelineProjection, versionProjection } from "./controllers/pipeline-projections.ts";
import { PipelineCache } from "./controllers/pipeline-cache.ts";
import { recurringRunController } from "./controllers/recurring-runs.ts";
import { createRetention, type Retention } from "./controllers/retention.ts";
import { createRunRemoval } from "./controllers/run-removal.ts";
import { runProjection } from "./controllers/run-projection.ts";
import { scheduledWorkflowProjection } from "./controllers/scheduled-workflow-projection.ts";
import { taskProjection } from "./controllers/task-projection.ts";
import { workflowProjection } from "./controllers/workflow-projection.ts";
import type { SharedFolder } from "./core/shared-folders.ts";
import type { Engine } from "./engine.ts";
import { pipelineMigrations } from "./records/migrations.ts";
import type { PipelineTables } from "./records/tables.ts";
import {
  artifacts,
  pipelines as pipelineKind,
  pipelineVersions,
  runs,
  scheduledWorkflows,
  tasks,
  workflows,
} from "./resources/index.ts";

export { withoutCaching } from "./core/caching.ts";
export { documentValue, parsePipelineDocuments, readPipelineDocument } from "./core/spec.ts";
export type { Engine, RunKey } from "./engine.ts";
export type { SharedFolder } from "./core/shared-folders.ts";
export { archiveStepLog } from "./controllers/log-archive.ts";
export { isTimeZone } from "./core/cron.ts";
export { refuseStep } from "./records/step-authority.ts";
export type { Retention } from "./controllers/retention.ts";
export type { Tenancy } from "./api/context.ts";

export interface PipelinesOptions {
  readonly records: Records;
  readonly artifacts: ArtifactStore;
  /** Creates the steps' pods. */
  readonly client: Client;
  /** In place of the component's own, for tests. */
  readonly engine?: Engine;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Headrace's own version, for clients that ask. */
  readonly version?: string;
  /** Single-user in namespace `kubeflow` unless it says otherwise. */
  readonly tenancy?: Tenancy;
  readonly defaultPipelineRoot?: string;
  readonly namespaceRoot?: NonNullable<ApiContext["namespaceRoot"]>;
  /** IANA name of the time zone in which cron expressions are read; UTC unless told otherwise. */
  readonly timeZone?: string;
  /** Folders of the host that every step sees at the same path. What lies there is not part of a step's cache key. */
  readonly sharedFolders?: readonly SharedFolder[];
  /** Names or addresses, with a port or without, that pipelines may be fetched from though they are not on the public internet. */
  readonly packageHosts?: readonly string[];
  /** Whether what steps print is an output artifact of theirs, `executor-logs`, as upstream's `PUBLISH_LOGS` has it. */
  readonly publishLogs?: boolean;
  readonly podLog?: NonNullable<ApiContext["podLog"]>;
  /** How long runs are kept; for ever unless told otherwise. */
  readonly retention?: Retention;
  /** Told of errors that are bugs; the caller sees only that there was one. */
  readonly report: (error: unknown) => void;
}

const standardPipelineRoot = "minio://mlpipeline/v2/artifacts";

export interface Pipelines extends Component {
  /** For faces that show the lineage in ML Metadata's words. */
  readonly facts: ReturnType<typeof createLineageFacts>;
  /** For the API server: what the engine does to pods as they are written. */
  readonly admission: readonly Admission[];
}

/** Kubeflow Pipelines: runs pipelines, and speaks KFP's REST API v2beta1. */
export function createPipelines(options: PipelinesOptions): Pipelines {
  const { defaultPipelineRoot = standardPipelineRoot, report: onError } = options;
  const pipelines = new PipelineCache();
  const engine = options.engine ?? createEngine({ ...options, defaultPipelineRoot, onError, pipelines });
  const removeRun = createRunRemoval({ ...options, engine, pipelines, defaultPipelineRoot });
  const context: ApiContext = {
    tenancy: { multiUser: false, namespace: "kubeflow" },
    reader: new PipelineReader(options.clock),
    packages: packageFetcher(options.clock, options.packageHosts ?? []),
    timeZone: "UTC",
    ...options,
    defaultPipelineRoot,
    engine,
    removeRun,
  };
  const shown = {
    runs: runProjection({ records: options.records, stuck: (run) => engine.stuck?.(run) }),
    tasks: taskProjection({ records: options.records, pipelines, waiting: (pod) => engine.waiting?.(pod) }),
    cache: (ns: string, task: number) => explainCache(options.records.in<PipelineTables>(ns).db, pipelines, task),
  };
  return {
    name: "pipelines",
    admission: engine.release ? [engine.release] : [],
    resources: [runs, tasks, artifacts, scheduledWorkflows, pipelineKind, pipelineVersions, workflows],
    migrations: pipelineMigrations,
    routes: apiRoutes(context),
    projections: [
      shown.runs,
      shown.tasks,
      artifactProjection(options.records),
      scheduledWorkflowProjection(options.records, {
        clock: options.clock,
        timeZone: context.timeZone,
        write: (change) => writeScheduledWorkflow(context, change),
      }),
      pipelineProjection(options.records, (change) => writePipeline(context, change)),
      versionProjection(options.records, (change) => writeVersion(context, change)),
      workflowProjection(options.records),
    ],
    explain: createExplain(shown),
    facts: createLineageFacts({ records: options.records, pipelines, defaultPipelineRoot }),
    controllers: [
      defaultExperiment(context),
      { name: "pipelines-engine", start: (signal) => engine.start(signal) },
      createRetention({ ...options, ...options.retention, removeRun, onError }),
      recurringRunController({ ...options, engine, pipelines, timeZone: context.timeZone, onError }),
    ],
  };
}

/** Clients look for an experiment "Default" before they make anything. */
function defaultExperiment(context: ApiContext): Controller {
  const { tenancy } = context;
  return {
    name: "pipelines-default-experiment",
    async start() {
      if (!tenancy.multiUser) await ensureDefaultExperiment(context, tenancy.namespace);
    },
  };
}
