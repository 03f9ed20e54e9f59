import { ErrorPanel, Link, useKit, useMessages } from "@headrace/ui-kit";
import { useEffect, useRef, useState } from "react";
import type { Run } from "../resources/index.ts";
import { actOnRun, type RunVerb } from "./api.ts";
import { pipelineMessages } from "./messages.ts";
import { newRunPath } from "./places.ts";
import { isRunOver } from "./state.ts";

/** What can be done with the run now. Stopping asks once more in place, for it cannot be taken back. */
export function RunActions({ run }: { readonly run: Run }) {
  const t = useMessages(pipelineMessages);
  const { request } = useKit();
  const [busy, setBusy] = useState<RunVerb>();
  const [failure, setFailure] = useState<{ readonly verb: RunVerb; readonly error: unknown }>();
  const [asking, setAsking] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), [asking]);
  const act = async (verb: RunVerb): Promise<void> => {
    setBusy(verb);
    setFailure(undefined);
    setAsking(false);
    try {
      await actOnRun(request, run.metadata.name ?? "", verb);
    } catch (error) {
      setFailure({ verb, error });
    } finally {
      setBusy(undefined);
    }
  };
  const { state } = run.status;
  const canStop = state === "RUNNING" || state === "PENDING";
  const button = (verb: RunVerb, className?: string) => (
    <button type="button" className={className} disabled={busy !== undefined} onClick={() => void act(verb)}>
      {t(`action.${verb}`)}
    </button>
  );
  return (
    <>
      {failure ? (
        <div className="action-failure">
          <ErrorPanel
            what={t("action.failed", { what: t(`action.${failure.verb}`).toLowerCase() })}
            error={failure.error}
            onRetry={() => void act(failure.verb)}
          />
        </div>
      ) : null}
      <Link className="button" to={newRunPath({ cloneFromRun: run.metadata.name ?? "" })}>
        {t("action.clone")}
      </Link>
      {isRunOver(run) ? button(run.spec.archived ? "unarchive" : "archive") : null}
      {state === "FAILED" || state === "CANCELED" ? (run.spec.archived ? null : button("retry", "primary")) : null}
      {canStop && !asking ? (
        <button type="button" disabled={busy !== undefined} onClick={() => setAsking(true)}>
          {t("action.terminate")}
        </button>
      ) : null}
      {canStop && asking ? (
        <>
          <button type="button" ref={keep} onClick={() => setAsking(false)}>
            {t("action.keep")}
          </button>
          <button type="button" className="danger" onClick={() => void act("terminate")}>
            {t("action.terminateSure")}
          </button>
        </>
      ) : null}
    </>
  );
}
