import { ConfirmDialog, useKit, useMessages } from "@headrace/ui-kit";
import { actOnEach } from "./act-on-each.ts";
import { deleteVersion, type PipelineVersion } from "./pipelines-api.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";

/** Asks before versions of one pipeline go. */
export function DeleteVersions({
  versions,
  onDone,
  onClose,
}: {
  readonly versions: readonly PipelineVersion[];
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const t = useMessages(pipelinesMessages);
  const { request } = useKit();
  const [only] = versions;
  const act = async (): Promise<void> => {
    await actOnEach(
      versions,
      (version) => deleteVersion(request, version),
      (failed) => t("delete.failed", failed),
    );
    onDone();
  };
  return (
    <ConfirmDialog
      title={
        versions.length === 1 && only
          ? t("delete.version", { name: only.displayName })
          : t("delete.manyVersions", { count: versions.length })
      }
      verb={t("delete")}
      onConfirm={act}
      onClose={onClose}
    >
      <p>
        {t("delete.keepsRuns")} {t("delete.undone")}
      </p>
    </ConfirmDialog>
  );
}
