import {
  Answered,
  EmptyState,
  errorText,
  Link,
  parseTime,
  Selection,
  StateMark,
  Table,
  Time,
  timeColumn,
  useAction,
  useAnswer,
  useChosen,
  useKit,
  useMessages,
  useNavigate,
  useTableSort,
  type Asked,
  type TableColumn,
  type Translate,
} from "@headrace/ui-kit";
import { useMemo, useState } from "react";
import type { Run } from "../resources/index.ts";
import { actOnEach } from "./act-on-each.ts";
import { DeleteSchedules } from "./delete-schedules.tsx";
import { listExperiments } from "./experiments-api.ts";
import { LastRuns } from "./last-runs.tsx";
import { newRunMessages } from "./new-run-messages.ts";
import { listPipelines } from "./pipelines-api.ts";
import { experimentPath, newRunPath, pipelinePath, schedulePath } from "./places.ts";
import { recentRuns, useRunsBy } from "./runs-of.ts";
import { enableSchedule, type Schedule } from "./schedules-api.ts";
import { schedulesMessages } from "./schedules-messages.ts";
import { useTicks, type Ticks } from "./ticks.ts";
import { sayTrigger } from "./trigger-words.ts";

export type ScheduleWords = Translate<keyof (typeof schedulesMessages)["en"]>;

const scheduleOf = (run: Run): string | undefined => run.spec.recurringRun;

/** Schedules with when they run next, how their last runs went, and what can be done with several at once. */
export function ScheduleTable({
  answer,
  kept,
  without,
  experiment,
  noMatch,
}: {
  readonly answer: Asked<readonly Schedule[]>;
  /** Of those, which are shown; all if it is absent. */
  readonly kept?: readonly Schedule[];
  readonly without: readonly string[];
  /** What a new one would belong to. */
  readonly experiment?: string;
  /** In place of the rows if the filter left none. */
  readonly noMatch?: React.ReactNode;
}) {
  const t = useMessages(schedulesMessages);
  const { namespace, request } = useKit();
  const navigate = useNavigate();
  const all = answer.state === "ready" ? answer.value : none;
  const rows = kept ?? all;
  const { groups } = useRunsBy(scheduleOf, { namespace, most: recentRuns });
  const ticks = useTicks(namespace);
  const names = useNames();
  const columns = useScheduleColumns({ groups, ticks, names });
  const [sort, setSort] = useTableSort({ column: "next", descending: false });
  const chosen = useChosen(rows, ({ id }) => id);
  const [deleting, setDeleting] = useState(false);
  const done = (): void => {
    chosen.clear();
    answer.retry();
  };
  const enable = useAction(async (enabled: boolean) => {
    await actOnEach(
      chosen.items.filter((it) => it.enabled !== enabled),
      ({ id }) => enableSchedule(request, id, enabled),
      (failed) => t("action.failed", failed),
    );
    done();
  });
  const failure = enable.failure && errorText(enable.failure.error);
  const off = chosen.items.filter((it) => !it.enabled).length;
  const on = chosen.items.length - off;
  return (
    <>
      <Answered answer={answer} failed={t("failed")} rows={6}>
        {() => (
          <Table
            label={t("schedules")}
            rows={rows}
            columns={columns}
            hidden={without}
            rowKey={({ id }) => id}
            sort={sort}
            onSort={setSort}
            {...chosen.boxes}
            onOpen={({ id }) => void navigate(schedulePath(id))}
            empty={all.length === 0 ? <NoSchedules t={t} experiment={experiment} /> : noMatch}
          />
        )}
      </Answered>
      <Selection chosen={chosen} failure={failure === undefined ? undefined : { line: failure, whole: failure }}>
        {on === 0 ? null : (
          <button type="button" className="compact" onClick={() => enable.run(false)}>
            {t("disable")} <span className="count">{on}</span>
          </button>
        )}
        {off === 0 ? null : (
          <button type="button" className="compact" onClick={() => enable.run(true)}>
            {t("enable")} <span className="count">{off}</span>
          </button>
        )}
        <button type="button" className="compact danger" onClick={() => setDeleting(true)}>
          {t("delete")} <span className="count">{chosen.items.length}</span>
        </button>
      </Selection>
      {deleting ? <DeleteSchedules schedules={chosen.items} onDone={done} onClose={() => setDeleting(false)} /> : null}
    </>
  );
}

const none: readonly Schedule[] = [];

interface Names {
  readonly pipelines: ReadonlyMap<string, string>;
  readonly experiments: ReadonlyMap<string, string>;
}

/** What pipelines and experiments are called, as far as it is known yet. */
export function useNames(): Names {
  const { namespace, request } = useKit();
  const answer = useAnswer(namespace, async (signal) => {
    const [pipelines, experiments] = await Promise.all([
      listPipelines(request, namespace, signal),
      listExperiments(request, namespace, signal),
    ]);
    const named = (rows: readonly { readonly id: string; readonly displayName: string }[]) =>
      new Map(rows.map(({ id, displayName }) => [id, displayName]));
    return { pipelines: named(pipelines), experiments: named(experiments) };
  });
  return answer.state === "ready" ? answer.value : noNames;
}

const noNames: Names = { pipelines: new Map(), experiments: new Map() };

function NoSchedules({ t, experiment }: { readonly t: ScheduleWords; readonly experiment: string | undefined }) {
  const snippet = `from kfp import Client

client = Client(host="${location.origin}")
experiment = client.get_experiment(experiment_name="Default")
client.create_recurring_run(
    experiment_id=experiment.experiment_id,
    job_name="nightly",
    pipeline_package_path="pipeline.yaml",
    cron_expression="0 0 2 * * *",
)`;
  return (
    <EmptyState
      sentence={t("empty")}
      action={
        <Link
          className="button"
          to={newRunPath({ recurring: "1", ...(experiment !== undefined && { experimentId: experiment }) })}
        >
          {t("new")}
        </Link>
      }
      snippet={snippet}
    />
  );
}

interface Known {
  readonly groups: ReadonlyMap<string, readonly Run[]>;
  readonly ticks: ReadonlyMap<string, Ticks> | undefined;
  readonly names: Names;
}

function useScheduleColumns({ groups, ticks, names }: Known): readonly TableColumn<Schedule>[] {
  const t = useMessages(schedulesMessages);
  const words = useMessages(newRunMessages);
  const { language } = useKit();
  return useMemo(
    (): readonly TableColumn<Schedule>[] => [
      {
        id: "name",
        header: t("column.name"),
        width: "15%",
        sort: (it) => it.displayName.toLowerCase(),
        cell: (it) => (
          <Link className="name" to={schedulePath(it.id)} title={it.displayName}>
            {it.displayName}
          </Link>
        ),
      },
      {
        id: "status",
        header: t("column.status"),
        width: "96px",
        sort: (it) => statusOf(it, ticks),
        cell: (it) => <StatusCell schedule={it} ticks={ticks} t={t} />,
      },
      {
        id: "trigger",
        header: t("column.trigger"),
        wideOnly: true,
        cell: (it) => {
          const said = sayTrigger(it.trigger, words, language);
          return <span title={it.trigger && "cron" in it.trigger ? `${said} (${it.trigger.cron})` : said}>{said}</span>;
        },
      },
      {
        id: "next",
        header: t("column.next"),
        width: "104px",
        sort: (it) => (it.enabled ? parseTime(ticks?.get(it.id)?.next) : undefined),
        cell: (it) => (it.enabled ? <Time at={ticks?.get(it.id)?.next} /> : null),
      },
      {
        id: "runs",
        header: t("column.runs"),
        width: "132px",
        wideOnly: true,
        cell: (it) => <LastRuns runs={groups.get(it.id)} />,
      },
      {
        id: "pipeline",
        header: t("column.pipeline"),
        width: "11%",
        wideOnly: true,
        sort: (it) => names.pipelines.get(it.pipeline),
        cell: (it) => {
          const name = names.pipelines.get(it.pipeline);
          return it.pipeline === "" ? null : (
            <Link to={pipelinePath(it.pipeline, it.version === "" ? undefined : it.version)} title={name}>
              {name}
            </Link>
          );
        },
      },
      {
        id: "experiment",
        header: t("column.experiment"),
        width: "11%",
        wideOnly: "roomy",
        sort: (it) => names.experiments.get(it.experiment),
        cell: (it) => {
          const name = names.experiments.get(it.experiment);
          return (
            <Link to={experimentPath(it.experiment)} title={name}>
              {name}
            </Link>
          );
        },
      },
      timeColumn("created", t("column.created"), (it) => it.createdAt, { wideOnly: "roomy" }),
    ],
    [t, words, language, groups, ticks, names],
  );
}

export type ScheduleStatus = "failing" | "enabled" | "ended" | "disabled";

/** Whether it runs, as far as is known: one that has no time left has ended. */
export function statusOf(
  schedule: Pick<Schedule, "id" | "enabled" | "error">,
  ticks: ReadonlyMap<string, Ticks> | undefined,
): ScheduleStatus {
  if (schedule.error !== "") return "failing";
  if (!schedule.enabled) return "disabled";
  const known = ticks?.get(schedule.id);
  return known !== undefined && known.next === undefined ? "ended" : "enabled";
}

function StatusCell({
  schedule,
  ticks,
  t,
}: {
  readonly schedule: Schedule;
  readonly ticks: ReadonlyMap<string, Ticks> | undefined;
  readonly t: ScheduleWords;
}) {
  const status = statusOf(schedule, ticks);
  if (status === "failing")
    return (
      <span title={schedule.error}>
        <StateMark state="failed" silent /> {t("failing")}
      </span>
    );
  return <span className={status === "enabled" ? undefined : "muted"}>{t(status)}</span>;
}
