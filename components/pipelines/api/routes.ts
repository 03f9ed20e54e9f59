import type { Route } from "@headrace/model";
import { artifactReadRoutes } from "./artifact-reads.ts";
import { artifactRoutes } from "./artifacts.ts";
import type { ApiContext } from "./context.ts";
import { experimentRoutes } from "./experiments.ts";
import { healthRoutes } from "./health.ts";
import { versionRoutes } from "./pipeline-versions.ts";
import { pipelineRoutes } from "./pipelines.ts";
import { recurringRunRoutes } from "./recurring-runs.ts";
import { runRoutes } from "./runs.ts";
import { stepReportRoutes } from "./step-reports.ts";
import { taskRoutes } from "./tasks.ts";
import { uiServerRoutes } from "./ui-server.ts";
import { uploadRoutes } from "./uploads.ts";

/** The REST face: KFP's v2beta1, and what is ours beside it. */
export function apiRoutes(context: ApiContext): readonly Route[] {
  return [
    ...healthRoutes(context),
    ...experimentRoutes(context),
    ...pipelineRoutes(context),
    ...versionRoutes(context),
    ...uploadRoutes(context),
    ...runRoutes(context),
    ...taskRoutes(context),
    ...recurringRunRoutes(context),
    ...artifactRoutes(context),
    ...artifactReadRoutes(context),
    ...uiServerRoutes(context),
    ...stepReportRoutes(context),
  ];
}
