import {
  CopyId,
  DefinitionList,
  DetailPage,
  EmptyState,
  ErrorPanel,
  formatTime,
  Link,
  Skeleton,
  Tabs,
  Time,
  useFreshAnswer,
  useKit,
  useMessages,
  useNavigate,
  useNow,
  usePage,
  useParams,
} from "@headrace/ui-kit";
import { useState } from "react";
import { scheduledWorkflows, type Run } from "../resources/index.ts";
import { ExperimentQuestion, type ExperimentVerb } from "./experiment-question.tsx";
import { archiveExperiment, getExperiment, type Experiment } from "./experiments-api.ts";
import { experimentsMessages } from "./experiments-messages.ts";
import { LastRuns } from "./last-runs.tsx";
import { useLiveStamp } from "./live-stamp.ts";
import { NotShown } from "./not-shown.tsx";
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
  const name = answer.state === "ready" ? answer.value.displayName : id;
  usePage(name, [
    { label: t("experiments"), to: experimentsPath },
    { label: name, name: true },
  ]);
  if (answer.state === "loading") return <Skeleton rows={8} />;
  if (answer.state === "ready") return <FoundExperiment key={id} experiment={answer.value} onChanged={answer.retry} />;
  return (
    <NotShown
      error={answer.error}
      onRetry={answer.retry}
      missing={{ title: t("missing"), sentence: t("missingWhy", { id }) }}
      failed={t("page.failed")}
      back={{ to: experimentsPath, label: t("back") }}
    />
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
  const { tab: wanted } = useParams();
  const tab = tabNames.find((name) => name === wanted) ?? "runs";
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
  const [failure, setFailure] = useState<unknown>();
  const restore = async (): Promise<void> => {
    setFailure(undefined);
    try {
      await archiveExperiment(request, experiment.id, false);
      onChanged();
    } catch (error) {
      setFailure(error);
    }
  };
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
            {failure === undefined ? null : (
              <div className="action-failure">
                <ErrorPanel what={t("act.failed")} error={failure} onRetry={() => void restore()} />
              </div>
            )}
            <button type="button" onClick={() => setAsking("delete")}>
              {t("delete")}
            </button>
            {experiment.archived ? (
              <button type="button" className="primary" onClick={() => void restore()}>
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
            tabs={tabNames.map((name) => ({
              to: `${experimentPath(experiment.id)}${name === "runs" ? "" : `/${name}`}`,
              label: t(`tab.${name}`),
              current: name === tab,
              count: counts[name],
            }))}
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
