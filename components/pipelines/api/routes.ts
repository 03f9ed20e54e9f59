import { ApiError, type Route } from "@headrace/model";
import { artifactReadRoutes } from "./artifact-reads.ts";
import { artifactRoutes } from "./artifacts.ts";
import { type ApiContext, routeMaker } from "./context.ts";
import { earlierRoutes } from "./earlier-api.ts";
import { experimentRoutes } from "./experiments.ts";
import { healthRoutes } from "./health.ts";
import { versionRoutes } from "./pipeline-versions.ts";
import { pipelineRoutes } from "./pipelines.ts";
import { recurringRunRoutes } from "./recurring-runs.ts";
import { refusals } from "./refusals.ts";
import { runDefaultRoutes } from "./run-defaults.ts";
import { runPipelineRoutes } from "./run-pipeline.ts";
import { runRoutes } from "./runs.ts";
import { stepReportRoutes } from "./step-reports.ts";
import { taskRoutes } from "./tasks.ts";
import { uiServerRoutes } from "./ui-server.ts";
import { uploadRoutes } from "./uploads.ts";

/** The REST face: KFP's v2beta1, v1beta1 to be read, and what is ours beside them; all of it also below /pipeline, as Kubeflow has it. */
export function apiRoutes(context: ApiContext): readonly Route[] {
  const routes = [
    ...healthRoutes(context),
    ...experimentRoutes(context),
    ...pipelineRoutes(context),
    ...versionRoutes(context),
    ...uploadRoutes(context),
    ...runRoutes(context),
    ...runPipelineRoutes(context),
    ...runDefaultRoutes(context),
    ...taskRoutes(context),
    ...recurringRunRoutes(context),
    ...artifactRoutes(context),
    ...artifactReadRoutes(context),
    ...reportRoutes(context),
  ];
  const taken = [...routes, ...earlierRoutes(context, routes)];
  const served = [...taken, ...refusals(context, taken)];
  const below = served.map((route) => ({ ...route, pattern: `/pipeline${route.pattern}` }));
  return [...served, ...below, ...uiServerRoutes(context), ...stepReportRoutes(context)];
}

/** What upstream's agents report. Nobody does here, and upstream's front door refuses it from outside as well. */
function reportRoutes(context: ApiContext): readonly Route[] {
  const route = routeMaker(context);
  return ["v1beta1", "v2beta1"].flatMap((version) =>
    ["workflows", "scheduledworkflows"].map((kind) =>
      route("POST", `/apis/${version}/${kind}`, async () => {
        throw new ApiError("Forbidden", `Cannot report ${kind}: the engine itself records what runs do`);
      }),
    ),
  );
}
