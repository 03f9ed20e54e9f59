import { useAnswer, useKit } from "@headrace/ui-kit";
import { listExperiments, type Experiment } from "./experiments-api.ts";
import type { RunDraft } from "./new-run-draft.ts";
import { isMultiUser, listPipelines, listVersions, type Pipeline, type PipelineVersion } from "./pipelines-api.ts";

/** What there is to choose from; lists are undefined until they are there, and empty if they do not come. */
export interface Choices {
  readonly pipelines: readonly Pipeline[] | undefined;
  /** Of the pipeline, the latest first. */
  readonly versions: readonly PipelineVersion[] | undefined;
  readonly experiments: readonly Experiment[] | undefined;
  readonly multiUser: boolean;
  readonly error: unknown;
  retry(): void;
}

export function useChoices(pipeline: string): Choices {
  const { request, namespace } = useKit();
  const lists = useAnswer(`choices/${namespace}`, async (signal) => {
    const multiUser = await isMultiUser(request, signal);
    const [own, shared, experiments] = await Promise.all([
      listPipelines(request, namespace, signal),
      multiUser && namespace !== "" ? listPipelines(request, "", signal) : [],
      listExperiments(request, namespace, signal),
    ]);
    return { multiUser, pipelines: [...own, ...shared], experiments: experiments.filter((it) => !it.archived) };
  });
  const versions = useAnswer(pipeline === "" ? undefined : pipeline, (signal) =>
    listVersions(request, pipeline, signal),
  );
  const none = { pipelines: [], experiments: [], multiUser: false };
  const loading = { pipelines: undefined, experiments: undefined, multiUser: false };
  return {
    ...(lists.state === "ready" ? lists.value : lists.state === "failed" ? none : loading),
    versions: versions.state === "ready" ? versions.value : versions.state === "failed" ? [] : undefined,
    error: lists.state === "failed" ? lists.error : versions.state === "failed" ? versions.error : undefined,
    retry: () => {
      lists.retry();
      versions.retry();
    },
  };
}

/** What a draft stands for: what it does not name is what is offered first. */
export function chosenOf(draft: RunDraft, choices: Choices) {
  return {
    pipeline: choices.pipelines?.find(({ id }) => id === draft.pipeline),
    version: draft.version === "" ? choices.versions?.[0] : choices.versions?.find(({ id }) => id === draft.version),
    experiment:
      draft.experiment === ""
        ? choices.experiments?.find(({ displayName }) => displayName === "Default")
        : choices.experiments?.find(({ id }) => id === draft.experiment),
  };
}
