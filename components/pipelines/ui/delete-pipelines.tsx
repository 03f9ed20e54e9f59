import { ConfirmDialog, Sentence, useAnswer, useKit, useMessages } from "@headrace/ui-kit";
import { countVersions, deletePipeline, type Pipeline } from "./pipelines-api.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";
import { listSchedules } from "./schedules-api.ts";
import { actOnEach } from "./act-on-each.ts";

/** Asks before pipelines go, and says what would go with them. */
export function DeletePipelines({
  pipelines,
  onDone,
  onClose,
}: {
  readonly pipelines: readonly Pipeline[];
  /** After the last one is gone. */
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const t = useMessages(pipelinesMessages);
  const { request, namespace } = useKit();
  const ids = new Set(pipelines.map(({ id }) => id));
  const taken = useAnswer([...ids].join(), async (signal) => {
    const counts = await Promise.all(pipelines.map(({ id }) => countVersions(request, id, signal)));
    const schedules = await listSchedules(request, { namespace }, signal);
    return {
      versions: counts.reduce((sum, count) => sum + count, 0),
      // One that is bound to a version keeps what that version was; one that follows the latest is left with nothing.
      schedules: schedules
        .filter((it) => it.enabled && it.version === "" && ids.has(it.pipeline))
        .map((it) => it.displayName),
    };
  });
  const [only] = pipelines;
  const single = pipelines.length === 1 && only !== undefined;
  const act = async (): Promise<void> => {
    await actOnEach(
      pipelines,
      ({ id }) => deletePipeline(request, id),
      (failed) => t("delete.failed", failed),
    );
    onDone();
  };
  return (
    <ConfirmDialog
      title={single ? t("delete.one", { name: only.displayName }) : t("delete.many", { count: pipelines.length })}
      verb={t("delete")}
      typed={single ? only.displayName : t("delete.phrase", { count: pipelines.length })}
      onConfirm={act}
      onClose={onClose}
    >
      {taken.state === "ready" && taken.value.versions > 0 ? (
        <p>{t("delete.takesVersions", { count: taken.value.versions, pipelines: pipelines.length })}</p>
      ) : null}
      {taken.state === "ready" && taken.value.schedules.length > 0 ? (
        <p>
          <Sentence
            text={t("delete.takesSchedules", {
              count: taken.value.schedules.length,
              names: taken.value.schedules.map((name) => `\`${name}\``).join(", "),
            })}
          />
        </p>
      ) : null}
      <p>
        {t("delete.keepsRuns")} {t("delete.undone")}
      </p>
    </ConfirmDialog>
  );
}
