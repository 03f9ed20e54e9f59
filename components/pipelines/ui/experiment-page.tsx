import {
  ActionFailure,
  CopyId,
  DefinitionList,
  DetailPage,
  EmptyState,
  formatTime,
  FoundPage,
  Link,
  Tabs,
  Time,
  useAction,
  useFreshAnswer,
  useKit,
  useMessages,
  useNavigate,
  useNow,
  useParams,
  useTab,
} from "@headrace/ui-kit";
import { useState } from "react";
import { scheduledWorkflows, type Run } from "../resources/index.ts";
import { ExperimentQuestion, type ExperimentVerb } from "./experiment-question.tsx";
import { archiveExperiment, getExperiment, type Experiment } from "./experiments-api.ts";
import { experimentsMessages } from "./experiments-messages.ts";
import { LastRuns } from "./last-runs.tsx";
import { useLiveStamp } from "./live-stamp.ts";
import { experimentPath, experimentsPath, newRunPath } from "./places.ts";
import { beganAt, useRunsBy } from "./runs-of.ts";
import { RunsTable } from "./runs-table.tsx";
import { listSchedules } from "./schedules-api.ts";
import { ScheduleTable } from "./schedule-table.tsx";
import { isRunOver } from "./state.ts";

const tabNames = ["runs", "archived", "schedules"] as const;
const experimentOf = (run: Run): string => run.spec.experiment.id;

/** The page of one experiment: finds it, or says that there is none. */
export function ExperimentPage() {
  const t = useMessages(experimentsMessages);
  const { request } = useKit();
  const { experiment: id = "" } = useParams();
  const answer = useFreshAnswer(id, "", (signal) => getExperiment(request, id, signal));
  return (
    <FoundPage
      id={id}
      answer={answer}
      nameOf={({ displayName }) => displayName}
      list={{ to: experimentsPath, label: t("experiments") }}
      missing={{ title: t("missing"), sentence: t("missingWhy", { id }), back: t("back") }}
      failed={t("page.failed")}
    >
      {(experiment) => <FoundExperiment experiment={experiment} onChanged={answer.retry} />}
    </FoundPage>
  );
}

function FoundExperiment({
  experiment,
  onChanged,
}: {
  readonly experiment: Experiment;
  readonly onChanged: () => void;
}) {
  const t = useMessages(experimentsMessages);
  const { request, namespace } = useKit();
  const navigate = useNavigate();
  const tab = useTab(tabNames);
  const { live, groups } = useRunsBy(experimentOf, {
    namespace: experiment.namespace,
    fieldSelector: `spec.experiment.id=${experiment.id}`,
  });
  const all = groups.get(experiment.id) ?? noRuns;
  const active = all.filter((run) => !run.spec.archived);
  const archived = all.filter((run) => run.spec.archived);
  const stamp = useLiveStamp(scheduledWorkflows, { namespace });
  const schedules = useFreshAnswer(experiment.id, stamp, (signal) =>
    listSchedules(request, { experiment: experiment.id }, signal),
  );
  const [asking, setAsking] = useState<ExperimentVerb>();
  const restore = useAction(async () => {
    await archiveExperiment(request, experiment.id, false);
    onChanged();
  });
  const counts = {
    runs: active.length,
    archived: archived.length,
    schedules: schedules.state === "ready" ? schedules.value.length : undefined,
  };

  return (
    <>
      <DetailPage
        mark={null}
        name={experiment.displayName}
        sentence={<Status experiment={experiment} runs={all} />}
        actions={
          <>
            <ActionFailure action={restore} what={() => t("act.failed")} />
            <button type="button" onClick={() => setAsking("delete")}>
              {t("delete")}
            </button>
            {experiment.archived ? (
              <button type="button" className="primary" onClick={() => restore.run()}>
                {t("restore")}
              </button>
            ) : (
              <>
                <button type="button" onClick={() => setAsking("archive")}>
                  {t("archive")}
                </button>
                <Link className="button" to={newRunPath({ experimentId: experiment.id, recurring: "1" })}>
                  {t("newSchedule")}
                </Link>
                <Link className="button primary" to={newRunPath({ experimentId: experiment.id })}>
                  {t("newRun")}
                </Link>
              </>
            )}
          </>
        }
        facts={
          <DefinitionList
            wide
            items={[
              [t("fact.runs"), all.length === 0 ? undefined : <LastRuns runs={all} count={20} />],
              [t("fact.created"), <Time at={experiment.createdAt} />],
              [t("fact.namespace"), <code>{experiment.namespace}</code>],
              [t("fact.id"), <CopyId id={experiment.id} />],
              [t("fact.description"), experiment.description || undefined],
            ]}
          />
        }
        tabs={
          <Tabs
            label={t("page.tabs")}
            names={tabNames}
            current={tab}
            path={experimentPath(experiment.id)}
            say={(name) => t(`tab.${name}`)}
            counts={counts}
          />
        }
      >
        {tab === "schedules" ? (
          <ScheduleTable answer={schedules} without={["experiment"]} experiment={experiment.id} />
        ) : (
          <RunsTable
            key={tab}
            runs={tab === "archived" ? archived : active}
            live={live}
            without={["experiment", "namespace"]}
            failed={t("runs.failed")}
            empty={
              <EmptyState
                sentence={t(tab === "archived" ? "runs.noneArchived" : "runs.none")}
                action={
                  tab === "archived" || experiment.archived ? undefined : (
                    <Link className="button" to={newRunPath({ experimentId: experiment.id })}>
                      {t("newRun")}
                    </Link>
                  )
                }
              />
            }
          />
        )}
      </DetailPage>
      {asking === undefined ? null : (
        <ExperimentQuestion
          verb={asking}
          experiments={[experiment]}
          runs={groups}
          onClose={() => setAsking(undefined)}
          onDone={() => {
            if (asking === "delete") void navigate(experimentsPath);
            else onChanged();
          }}
        />
      )}
    </>
  );
}

const noRuns: readonly Run[] = [];

function Status({ experiment, runs }: { readonly experiment: Experiment; readonly runs: readonly Run[] }) {
  const t = useMessages(experimentsMessages);
  const { language } = useKit();
  const now = useNow();
  const [last] = runs;
  const going = runs.filter((run) => !isRunOver(run)).length;
  const parts = [
    experiment.archived ? t("page.archived") : "",
    last
      ? t("page.sentence", { count: runs.length, when: formatTime(beganAt(last), now, language) })
      : experiment.archived
        ? ""
        : t("page.empty"),
    going > 0 ? t("page.running", { count: going }) : "",
  ];
  return parts.filter(Boolean).join(" ");
}
