import { formatTime, stateKey, StatusStrip, useKit, useKitMessages, useMessages } from "@headrace/ui-kit";
import type { Run } from "../resources/index.ts";
import { pipelineMessages } from "./messages.ts";
import { beganAt, runId, runPath } from "./runs-of.ts";
import { runState } from "./state.ts";

/** How the last runs of something went, the newest at the right; each bar leads to its run. */
export function LastRuns({
  runs,
  count = 12,
}: {
  /** The newest first. */
  readonly runs: readonly Run[] | undefined;
  readonly count?: number;
}) {
  const t = useMessages(pipelineMessages);
  const kit = useKitMessages();
  const { clock, language } = useKit();
  if (runs === undefined || runs.length === 0) return null;
  const bars = runs
    .slice(0, count)
    .toReversed()
    .map((run) => {
      const state = runState(run);
      const when = formatTime(beganAt(run), clock.now(), language);
      return { key: runId(run), state, label: `${run.spec.displayName} · ${kit(stateKey(state))} · ${when}` };
    });
  return <StatusStrip bars={bars} label={t("runs")} linkTo={runPath} />;
}
