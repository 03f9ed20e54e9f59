import type { ArtifactStore } from "@headrace/artifacts";
import type { Authorizer, Clock, Component, Controller, Ids } from "@headrace/model";
import type { Records } from "@headrace/records";
import { type ApiContext, type Tenancy } from "./api/context.ts";
import { ensureDefaultExperiment } from "./api/experiments.ts";
import { PipelineReader } from "./api/pipeline-text.ts";
import { apiRoutes } from "./api/routes.ts";
import type { Engine } from "./engine.ts";
import { pipelineMigrations } from "./records/migrations.ts";

export type { Engine, RunKey } from "./engine.ts";
export type { Tenancy } from "./api/context.ts";

export interface PipelinesOptions {
  readonly records: Records;
  readonly artifacts: ArtifactStore;
  readonly engine: Engine;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Single-user in namespace `kubeflow` unless it says otherwise. */
  readonly tenancy?: Tenancy;
  readonly defaultPipelineRoot?: string;
  readonly podLog?: NonNullable<ApiContext["podLog"]>;
  /** Told of errors that are bugs; the caller sees only that there was one. */
  readonly report: (error: unknown) => void;
}

/** Kubeflow Pipelines: runs pipelines, and speaks KFP's REST API v2beta1. */
export function createPipelines(options: PipelinesOptions): Component {
  const context: ApiContext = {
    tenancy: { multiUser: false, namespace: "kubeflow" },
    defaultPipelineRoot: "minio://mlpipeline/v2/artifacts",
    reader: new PipelineReader(options.clock),
    ...options,
  };
  return {
    name: "pipelines",
    resources: [],
    migrations: pipelineMigrations,
    routes: apiRoutes(context),
    controllers: [defaultExperiment(context), { name: "engine", start: (signal) => options.engine.start(signal) }],
  };
}

/** Clients look for an experiment "Default" before they make anything. */
function defaultExperiment(context: ApiContext): Controller {
  const { tenancy } = context;
  return {
    name: "default-experiment",
    async start() {
      if (!tenancy.multiUser) await ensureDefaultExperiment(context, tenancy.namespace);
    },
  };
}
