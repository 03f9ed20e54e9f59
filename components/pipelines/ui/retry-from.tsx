import { ErrorPanel, useKit, useMessages } from "@headrace/ui-kit";
import { useState } from "react";
import type { Run } from "../resources/index.ts";
import { retryFrom } from "./api.ts";
import { pipelineMessages } from "./messages.ts";
import { isRunOver } from "./state.ts";

/** Runs a step again, and what came after it; only what is over and not put away can be retried. */
export function RetryFrom({ run, taskKey }: { readonly run: Run; readonly taskKey: string }) {
  const t = useMessages(pipelineMessages);
  const { request } = useKit();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  if (!isRunOver(run) || run.spec.archived) return null;
  const retry = async (): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    try {
      await retryFrom(request, { id: run.metadata.name ?? "", namespace: run.metadata.namespace ?? "" }, taskKey);
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button
        type="button"
        className="compact"
        disabled={busy}
        title={t("action.retryFromWhat")}
        onClick={() => void retry()}
      >
        {t("action.retryFrom")}
      </button>
      {failure === undefined ? null : (
        <div className="action-failure">
          <ErrorPanel
            what={t("action.failed", { what: t("action.retryFrom").toLowerCase() })}
            error={failure}
            onRetry={() => void retry()}
          />
        </div>
      )}
    </>
  );
}
