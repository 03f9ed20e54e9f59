import { ConfirmDialog, Sentence, useAnswer, useKit, useMessages } from "@headrace/ui-kit";
import type { Run } from "../resources/index.ts";
import { actOnEach } from "./act-on-each.ts";
import { archiveExperiment, deleteExperiment, type Experiment } from "./experiments-api.ts";
import { experimentsMessages } from "./experiments-messages.ts";
import { listSchedules } from "./schedules-api.ts";

export type ExperimentVerb = "archive" | "delete";

/** Asks before experiments are archived or deleted, and says what goes with them. */
export function ExperimentQuestion({
  verb,
  experiments,
  runs,
  onDone,
  onClose,
}: {
  readonly verb: ExperimentVerb;
  readonly experiments: readonly Experiment[];
  /** By experiment. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const t = useMessages(experimentsMessages);
  const { request } = useKit();
  const [only] = experiments;
  const single = experiments.length === 1 && only !== undefined;
  const archived = experiments.flatMap(({ id }) => runs.get(id) ?? []).filter((run) => !run.spec.archived).length;
  const schedules = useAnswer(
    verb === "archive" ? experiments.map(({ id }) => id).join() : undefined,
    async (signal) => {
      const found = await Promise.all(experiments.map(({ id }) => listSchedules(request, { experiment: id }, signal)));
      return found.flat().filter((it) => it.enabled);
    },
  );
  const act = async (): Promise<void> => {
    await actOnEach(
      experiments,
      ({ id }) => (verb === "archive" ? archiveExperiment(request, id, true) : deleteExperiment(request, id)),
      (failed) => t("action.failed", failed),
    );
    onDone();
  };
  return (
    <ConfirmDialog
      title={single ? t(`${verb}.one`, { name: only.displayName }) : t(`${verb}.many`, { count: experiments.length })}
      verb={t(verb)}
      mild={verb === "archive"}
      onConfirm={act}
      onClose={onClose}
    >
      {verb === "delete" ? (
        <p>{t("delete.keeps")}</p>
      ) : (
        <>
          {archived > 0 ? <p>{t("archive.takesRuns", { count: archived, experiments: experiments.length })}</p> : null}
          {schedules.state === "ready" && schedules.value.length > 0 ? (
            <p>
              <Sentence
                text={t("archive.takesSchedules", {
                  count: schedules.value.length,
                  names: schedules.value.map((it) => `\`${it.displayName}\``).join(", "),
                })}
              />
            </p>
          ) : null}
          <p>{t("archive.back")}</p>
        </>
      )}
    </ConfirmDialog>
  );
}
