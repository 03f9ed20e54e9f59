import { ActionFailure, useAction, useKit, useMessages } from "@headrace/ui-kit";
import type { Run } from "../resources/index.ts";
import { retryFrom } from "./api.ts";
import { pipelineMessages } from "./messages.ts";
import { isRunOver } from "./state.ts";

/** Runs a step again, and what came after it; only what is over and not put away can be retried. */
export function RetryFrom({ run, taskKey }: { readonly run: Run; readonly taskKey: string }) {
  const t = useMessages(pipelineMessages);
  const { request } = useKit();
  const { name = "", namespace = "" } = run.metadata;
  const retry = useAction(() => retryFrom(request, { id: name, namespace }, taskKey));
  if (!isRunOver(run) || run.spec.archived) return null;
  return (
    <>
      <button
        type="button"
        className="compact"
        disabled={retry.busy}
        title={t("action.retryFromWhat")}
        onClick={() => retry.run()}
      >
        {t("action.retryFrom")}
      </button>
      <ActionFailure action={retry} what={() => t("action.failed", { what: t("action.retryFrom").toLowerCase() })} />
    </>
  );
}
