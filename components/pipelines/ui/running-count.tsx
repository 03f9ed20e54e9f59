import { Link, StateMark, useKit, useLiveList, useMessages } from "@headrace/ui-kit";
import { runs } from "../resources/index.ts";
import { pipelineMessages } from "./messages.ts";

/** How many runs go on in the chosen namespace; leads to them. */
export function RunningCount() {
  const t = useMessages(pipelineMessages);
  const { namespace } = useKit();
  const { items } = useLiveList(runs, { namespace, fieldSelector: "status.state=RUNNING" });
  // A watch by a field tells of objects that have left the selection, too.
  const count = items.filter((run) => run.status.state === "RUNNING").length;
  if (count === 0) return null;
  return (
    <Link className="running-count" to="/runs?q=state%3Arunning">
      <StateMark state="running" silent /> {t("runs.running", { count })}
    </Link>
  );
}
