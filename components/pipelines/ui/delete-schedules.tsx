import { CheckField, ConfirmDialog, useKit, useMessages } from "@headrace/ui-kit";
import { useState } from "react";
import { actOnEach } from "./act-on-each.ts";
import { deleteSchedule, type Schedule } from "./schedules-api.ts";
import { schedulesMessages } from "./schedules-messages.ts";

/** Asks before schedules go, and what is to become of runs that go on. */
export function DeleteSchedules({
  schedules,
  onDone,
  onClose,
}: {
  readonly schedules: readonly Schedule[];
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const t = useMessages(schedulesMessages);
  const { request } = useKit();
  const [orphan, setOrphan] = useState(false);
  const [only] = schedules;
  const act = async (): Promise<void> => {
    await actOnEach(
      schedules,
      ({ id }) => deleteSchedule(request, id, { orphan }),
      (failed) => t("action.failed", failed),
    );
    onDone();
  };
  return (
    <ConfirmDialog
      title={
        schedules.length === 1 && only
          ? t("delete.one", { name: only.displayName })
          : t("delete.many", { count: schedules.length })
      }
      verb={t("delete")}
      onConfirm={act}
      onClose={onClose}
    >
      <p>{t("delete.running")}</p>
      <CheckField label={t("delete.orphan")} checked={orphan} onChange={setOrphan} />
    </ConfirmDialog>
  );
}
