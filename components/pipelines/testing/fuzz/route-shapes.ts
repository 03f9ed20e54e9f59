import type { Shape } from "../../api/message.ts";
import {
  artifactMessage,
  cachedTaskQuestion,
  experimentMessage,
  filterMessage,
  pipelineAndVersionMessage,
  pipelineMessage,
  recurringRunMessage,
  retryMessage,
  runMessage,
  taskMessage,
  versionMessage,
} from "../../api/messages.ts";

const v2 = "/apis/v2beta1";

/** What the routes take that have a body of JSON, by method and pattern. The others take nothing, or a file. */
export const bodyShapes: Readonly<Record<string, Shape>> = {
  [`POST ${v2}/experiments`]: experimentMessage.shape,
  [`POST ${v2}/pipelines`]: pipelineMessage.shape,
  [`PATCH ${v2}/pipelines/{pipeline}`]: pipelineMessage.shape,
  [`POST ${v2}/pipelines/create`]: pipelineAndVersionMessage.shape,
  [`POST ${v2}/pipelines/{pipeline}/versions`]: versionMessage.shape,
  [`PATCH ${v2}/pipelines/{pipeline}/versions/{version}`]: versionMessage.shape,
  [`POST ${v2}/runs`]: runMessage.shape,
  [`POST ${v2}/recurringruns`]: recurringRunMessage.shape,
  [`POST ${v2}/runs/{run}/tasks`]: taskMessage.shape,
  [`POST ${v2}/tasks:findCached`]: cachedTaskQuestion.shape,
  [`POST ${v2}/artifacts`]: artifactMessage.shape,
  "POST /apis/headrace.io/v1/namespaces/{ns}/runs/{run}/retry": retryMessage.shape,
};

export const filterShape: Shape = filterMessage.shape;
