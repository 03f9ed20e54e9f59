import {
  ActionFailure,
  Answered,
  CopyId,
  DefinitionList,
  DetailPage,
  EmptyState,
  formatTime,
  formatValue,
  FoundPage,
  Link,
  parseTime,
  Sentence,
  StateMark,
  Tabs,
  Time,
  useAction,
  useAnswer,
  useFreshAnswer,
  useKit,
  useMessages,
  useNow,
  useParams,
  useTab,
} from "@headrace/ui-kit";
import { scheduledWorkflows, type Run } from "../resources/index.ts";
import { DeleteSchedules } from "./delete-schedules.tsx";
import { useDeletion } from "./deletion.ts";
import { LastRuns } from "./last-runs.tsx";
import { useLiveStamp } from "./live-stamp.ts";
import { newRunMessages } from "./new-run-messages.ts";
import { listVersions } from "./pipelines-api.ts";
import { experimentPath, newRunPath, pipelinePath, schedulePath, schedulesPath } from "./places.ts";
import { PlanGraph } from "./plan-graph.tsx";
import { useRunDefaults } from "./run-defaults.ts";
import { useRunsBy } from "./runs-of.ts";
import { RunsTable } from "./runs-table.tsx";
import { enableSchedule, getSchedule, type Schedule } from "./schedules-api.ts";
import { schedulesMessages } from "./schedules-messages.ts";
import { statusOf, useNames } from "./schedule-table.tsx";
import { SpecSource } from "./spec-source.tsx";
import { useTicks, type Ticks } from "./ticks.ts";
import { nextTimes } from "./trigger-draft.ts";
import { sayMoment } from "./trigger-fields.tsx";
import { sayTrigger } from "./trigger-words.ts";

const tabNames = ["runs", "settings", "graph", "spec"] as const;
const scheduleOf = (run: Run): string | undefined => run.spec.recurringRun;

/** The page of one recurring run: finds it, or says that there is none. */
export function SchedulePage() {
  const t = useMessages(schedulesMessages);
  const { request, namespace } = useKit();
  const { schedule: id = "" } = useParams();
  const stamp = useLiveStamp(scheduledWorkflows, { namespace });
  const deletion = useDeletion(schedulesPath);
  const answer = useFreshAnswer(id, deletion.underWay ? undefined : stamp, (signal) =>
    getSchedule(request, id, signal),
  );
  return (
    <FoundPage
      id={id}
      answer={answer}
      nameOf={({ displayName }) => displayName}
      list={{ to: schedulesPath, label: t("schedules") }}
      missing={{ title: t("missing"), sentence: t("missingWhy", { id }), back: t("back") }}
      failed={t("page.failed")}
    >
      {(schedule) => (
        <>
          <FoundSchedule schedule={schedule} onChanged={answer.retry} onDelete={deletion.ask} />
          {deletion.asking ? (
            <DeleteSchedules schedules={[schedule]} onClose={deletion.close} onDone={deletion.done} />
          ) : null}
        </>
      )}
    </FoundPage>
  );
}

interface Found {
  readonly schedule: Schedule;
  readonly onChanged: () => void;
  readonly onDelete: () => void;
}

function FoundSchedule({ schedule, onChanged, onDelete }: Found) {
  const t = useMessages(schedulesMessages);
  const { request, namespace } = useKit();
  const tab = useTab(tabNames);
  const { live, groups } = useRunsBy(scheduleOf, { namespace: schedule.namespace });
  const runs = groups.get(schedule.id) ?? noRuns;
  const ticks = useTicks(namespace);
  const names = useNames();
  const spec = useSpec(schedule);
  const enable = useAction(async () => {
    await enableSchedule(request, schedule.id, !schedule.enabled);
    onChanged();
  });
  return (
    <>
      <DetailPage
        mark={schedule.error === "" ? null : <StateMark state="failed" size={16} />}
        name={schedule.displayName}
        sentence={<Status schedule={schedule} ticks={ticks} />}
        actions={
          <>
            <ActionFailure action={enable} what={() => t(schedule.enabled ? "disable.failed" : "enable.failed")} />
            <button type="button" onClick={onDelete}>
              {t("delete")}
            </button>
            <Link className="button" to={newRunPath({ cloneFromRecurringRun: schedule.id })}>
              {t("clone")}
            </Link>
            <button
              type="button"
              className={schedule.enabled ? undefined : "primary"}
              disabled={enable.busy}
              onClick={() => enable.run()}
            >
              {t(schedule.enabled ? "disable" : "enable")}
            </button>
          </>
        }
        facts={
          <DefinitionList
            wide
            items={[
              [t("fact.runs"), runs.length === 0 ? undefined : <LastRuns runs={runs} count={20} />],
              [t("fact.pipeline"), <PipelineLink schedule={schedule} name={names.pipelines.get(schedule.pipeline)} />],
              [
                t("fact.experiment"),
                <Link to={experimentPath(schedule.experiment)}>
                  {names.experiments.get(schedule.experiment) ?? schedule.experiment.slice(0, 8)}
                </Link>,
              ],
              [t("fact.created"), <Time at={schedule.createdAt} />],
              [t("fact.id"), <CopyId id={schedule.id} />],
              [t("fact.description"), schedule.description || undefined],
            ]}
          />
        }
        tabs={
          <Tabs
            label={t("tabs")}
            names={tabNames}
            current={tab}
            path={schedulePath(schedule.id)}
            say={(name) => t(`tab.${name}`)}
            counts={{ runs: runs.length }}
          />
        }
      >
        {tab === "runs" ? (
          <RunsTable
            runs={runs}
            live={live}
            without={["pipeline", "experiment", "namespace"]}
            failed={t("runs.failed")}
            empty={<EmptyState sentence={t("runs.none")} />}
          />
        ) : tab === "settings" ? (
          <Settings schedule={schedule} last={ticks?.get(schedule.id)?.last} />
        ) : (
          <Answered answer={spec} failed={t("spec.failed")} rows={8}>
            {(found) =>
              found === undefined ? (
                <EmptyState sentence={t("spec.none")} />
              ) : tab === "spec" ? (
                <SpecSource spec={found} name={schedule.displayName} />
              ) : (
                <PlanGraph spec={found} />
              )
            }
          </Answered>
        )}
      </DetailPage>
    </>
  );
}

const noRuns: readonly Run[] = [];

/** Its own pipeline, its version's, or that of the latest version. */
function useSpec({ pipeline, version, spec }: Schedule) {
  const { request } = useKit();
  return useAnswer(`${pipeline}/${version}`, async (signal) => {
    if (spec !== undefined || pipeline === "") return spec;
    const versions = await listVersions(request, pipeline, signal);
    return (version === "" ? versions[0] : versions.find(({ id }) => id === version))?.spec;
  });
}

function Status({
  schedule,
  ticks,
}: {
  readonly schedule: Schedule;
  readonly ticks: ReadonlyMap<string, Ticks> | undefined;
}) {
  const t = useMessages(schedulesMessages);
  const words = useMessages(newRunMessages);
  const { language } = useKit();
  const now = useNow();
  const trigger = sayTrigger(schedule.trigger, words, language);
  const next = parseTime(ticks?.get(schedule.id)?.next);
  switch (statusOf(schedule, ticks)) {
    case "failing":
      return <Sentence text={t("page.error", { why: schedule.error })} />;
    case "disabled":
      return t("page.disabled", { trigger });
    case "ended":
      return t("page.never", { trigger });
    case "enabled":
      return next === undefined ? trigger : t("page.next", { trigger, when: formatTime(next, now, language) });
  }
}

function PipelineLink({ schedule, name }: { readonly schedule: Schedule; readonly name: string | undefined }) {
  const t = useMessages(schedulesMessages);
  const { pipeline, version } = schedule;
  if (pipeline === "") return t("fact.own");
  return (
    <>
      <Link to={pipelinePath(pipeline, version === "" ? undefined : version)}>{name ?? pipeline.slice(0, 8)}</Link>{" "}
      {version === "" ? <span className="faint">{t("fact.latest")}</span> : null}
    </>
  );
}

function Settings({ schedule, last }: { readonly schedule: Schedule; readonly last: string | undefined }) {
  const t = useMessages(schedulesMessages);
  const words = useMessages(newRunMessages);
  const { language } = useKit();
  const parameters = Object.entries(schedule.parameters);
  const code = (text: string) => (text === "" ? undefined : <code>{text}</code>);
  return (
    <div className="page-scroll">
      <DefinitionList
        items={[
          [
            t("fact.trigger"),
            <>
              {sayTrigger(schedule.trigger, words, language)}{" "}
              {schedule.trigger && "cron" in schedule.trigger ? (
                <code className="faint">{schedule.trigger.cron}</code>
              ) : null}
            </>,
          ],
          [t("fact.last"), last === undefined ? undefined : <Time at={last} />],
          [t("fact.next"), schedule.enabled ? <NextTicks schedule={schedule} last={last} /> : undefined],
          [t("fact.start"), schedule.startAt === "" ? undefined : <Time at={schedule.startAt} />],
          [t("fact.end"), schedule.endAt === "" ? undefined : <Time at={schedule.endAt} />],
          [t("fact.concurrency"), String(schedule.maxConcurrency)],
          [t("fact.catchUp"), t(schedule.catchUp ? "fact.catchUpYes" : "fact.catchUpNo")],
          [t("fact.root"), code(schedule.pipelineRoot)],
          [t("fact.account"), code(schedule.serviceAccount)],
          [t("fact.changed"), <Time at={schedule.updatedAt} />],
        ]}
      />
      <hr className="rule" />
      <h3 className="section-title">{t("fact.parameters")}</h3>
      {parameters.length === 0 ? (
        <p className="muted">{t("fact.parametersNone")}</p>
      ) : (
        <DefinitionList
          items={parameters.map(([name, value]) => [name, <code key={name}>{formatValue(value)}</code>])}
        />
      )}
    </div>
  );
}

/** The next five times on the server's clock. */
function NextTicks({ schedule, last }: { readonly schedule: Schedule; readonly last: string | undefined }) {
  const { language, clock } = useKit();
  const { cronTimeZone: zone } = useRunDefaults(schedule.namespace);
  const { trigger, startAt, endAt } = schedule;
  if (trigger === undefined || (typeof Temporal === "undefined" && "cron" in trigger)) return null;
  const times = nextTimes({ trigger, startAt, endAt, last: parseTime(last) }, clock.now(), 5, zone);
  return (
    <>
      {times.map((time) => (
        <span className="line-of number" key={time}>
          {sayMoment(time, zone, language)}
        </span>
      ))}
      <span className="faint">{zone}</span>
    </>
  );
}
