import { errorText, Link, Selection, useKit, useMessages, type Chosen } from "@headrace/ui-kit";
import { useState } from "react";
import type { Run } from "../resources/index.ts";
import { actOnRun, type RunVerb } from "./api.ts";
import { mostRuns } from "./compare.ts";
import { pipelineMessages } from "./messages.ts";
import { resultMessages } from "./results-messages.ts";
import { isRunOver } from "./state.ts";

/** Which of the chosen runs a verb makes sense for. */
const suits: Readonly<Record<RunVerb, (run: Run) => boolean>> = {
  terminate: (run) => run.status.state === "RUNNING" || run.status.state === "PENDING",
  retry: (run) => (run.status.state === "FAILED" || run.status.state === "CANCELED") && !run.spec.archived,
  archive: (run) => isRunOver(run) && !run.spec.archived,
  unarchive: (run) => run.spec.archived,
};
const verbs = ["terminate", "retry", "archive", "unarchive"] as const;

/** What can be done with all chosen runs at once; each button says for how many. One that fails is named, the rest goes on. */
export function RunsBulkBar({ chosen }: { readonly chosen: Chosen<Run> }) {
  const runs = chosen.items;
  const t = useMessages(pipelineMessages);
  const results = useMessages(resultMessages);
  const { request } = useKit();
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const [failures, setFailures] = useState<readonly string[]>([]);
  const act = async (verb: RunVerb): Promise<void> => {
    // Stopping cannot be taken back, so it is asked for twice.
    if (verb === "terminate" && !asking) return setAsking(true);
    setAsking(false);
    setBusy(true);
    const failed: string[] = [];
    // One after another: a thousand requests at once would starve the pages of connections.
    for (const run of runs.filter(suits[verb])) {
      try {
        await actOnRun(request, run.metadata.name ?? "", verb);
      } catch (error) {
        failed.push(`${run.spec.displayName}: ${errorText(error)}`);
      }
    }
    setBusy(false);
    setFailures(failed);
    if (failed.length === 0) chosen.clear();
  };
  const [first] = failures;
  return (
    <Selection
      chosen={chosen}
      busy={busy}
      failure={
        first === undefined
          ? undefined
          : { line: t("bulk.failed", { count: failures.length, first }), whole: failures.join("\n") }
      }
    >
      {runs.length > 1 ? (
        <Link
          className="button-link"
          to={`/compare?runlist=${runs
            .slice(0, mostRuns)
            .map(({ metadata }) => metadata.name ?? "")
            .join(",")}`}
        >
          {results("compare.runs")}
        </Link>
      ) : null}
      {verbs.map((verb) => {
        const count = runs.filter(suits[verb]).length;
        return count === 0 ? null : (
          <button
            key={verb}
            type="button"
            className={verb === "terminate" && asking ? "compact danger" : "compact"}
            disabled={busy}
            onClick={() => void act(verb)}
          >
            {t(verb === "terminate" && asking ? "action.terminateSure" : `action.${verb}`)}{" "}
            <span className="count">{count}</span>
          </button>
        );
      })}
    </Selection>
  );
}
