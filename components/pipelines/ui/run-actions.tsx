import { ActionFailure, Link, useAction, useKit, useMessages } from "@headrace/ui-kit";
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
  const [asking, setAsking] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), [asking]);
  const action = useAction(async (verb: RunVerb) => {
    setAsking(false);
    await actOnRun(request, run.metadata.name ?? "", verb);
  });
  const { state } = run.status;
  const canStop = state === "RUNNING" || state === "PENDING";
  const button = (verb: RunVerb, className?: string) => (
    <button type="button" className={className} disabled={action.busy} onClick={() => action.run(verb)}>
      {t(`action.${verb}`)}
    </button>
  );
  return (
    <>
      <ActionFailure action={action} what={(verb) => t("action.failed", { what: t(`action.${verb}`).toLowerCase() })} />
      <Link className="button" to={newRunPath({ cloneFromRun: run.metadata.name ?? "" })}>
        {t("action.clone")}
      </Link>
      {isRunOver(run) ? button(run.spec.archived ? "unarchive" : "archive") : null}
      {state === "FAILED" || state === "CANCELED" ? (run.spec.archived ? null : button("retry", "primary")) : null}
      {canStop && !asking ? (
        <button type="button" disabled={action.busy} onClick={() => setAsking(true)}>
          {t("action.terminate")}
        </button>
      ) : null}
      {canStop && asking ? (
        <>
          <button type="button" ref={keep} onClick={() => setAsking(false)}>
            {t("action.keep")}
          </button>
          <button type="button" className="danger" onClick={() => action.run("terminate")}>
            {t("action.terminateSure")}
          </button>
        </>
      ) : null}
    </>
  );
}
