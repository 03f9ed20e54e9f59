import {
  CopyId,
  Duration,
  Link,
  shortId,
  StateLabel,
  StatusStrip,
  timeColumn,
  urgency,
  type TableColumn,
} from "@headrace/ui-kit";
import type { Run } from "../resources/index.ts";
import { failureLine, thrownIn } from "./failure-words.ts";
import { pipelinePath, schedulePath } from "./places.ts";
import type { Words } from "./run-words.ts";
import { runId, runPath } from "./runs-of.ts";
import { spanOrder } from "./span.ts";
import { countSteps, runState, stepBars } from "./state.ts";

export function runColumns(t: Words, allNamespaces: boolean): readonly TableColumn<Run>[] {
  return [
    {
      id: "name",
      header: t("column.name"),
      width: "15%",
      sort: (run) => run.spec.displayName.toLowerCase(),
      cell: (run) => (
        <Link className="name" to={runPath(runId(run))} title={run.spec.displayName}>
          {run.spec.displayName}
        </Link>
      ),
    },
    {
      id: "state",
      header: t("column.state"),
      width: "16%",
      sort: (run) => urgency(runState(run)),
      cell: (run) => (
        <span title={run.status.error === undefined ? undefined : whole(run.status.error)}>
          <StateLabel state={runState(run)} detail={run.status.error && failureLine({ message: run.status.error })} />
        </span>
      ),
    },
    {
      id: "duration",
      header: t("column.duration"),
      width: "80px",
      align: "right",
      sort: ({ status }) => spanOrder(status),
      cell: (run) => <Duration from={run.status.startedAt} to={run.status.finishedAt} />,
    },
    {
      id: "pipeline",
      header: t("column.pipeline"),
      width: "9%",
      wideOnly: true,
      sort: (run) => run.spec.pipeline.name,
      cell: (run) => <Muted text={run.spec.pipeline.name} />,
    },
    {
      id: "steps",
      header: t("column.steps"),
      width: "128px",
      wideOnly: true,
      cell: (run) => <Steps run={run} t={t} />,
    },
    {
      id: "cached",
      header: t("column.cached"),
      width: "72px",
      align: "right",
      wideOnly: true,
      optional: true,
      sort: (run) => countSteps(run.status.steps).cached,
      cell: (run) => <span className="muted">{countSteps(run.status.steps).cached || ""}</span>,
    },
    {
      id: "experiment",
      header: t("column.experiment"),
      width: "8%",
      wideOnly: "roomy",
      sort: (run) => run.spec.experiment.name,
      cell: (run) => <Muted text={run.spec.experiment.name} />,
    },
    {
      id: "namespace",
      header: t("column.namespace"),
      width: "8%",
      wideOnly: "roomy",
      optional: !allNamespaces,
      sort: (run) => run.metadata.namespace,
      cell: (run) => <Muted text={run.metadata.namespace ?? ""} />,
    },
    {
      id: "version",
      header: t("column.version"),
      width: "96px",
      wideOnly: true,
      optional: true,
      sort: (run) => run.spec.pipeline.versionId,
      cell: ({ spec: { pipeline } }) =>
        pipeline.id === undefined || pipeline.versionId === undefined ? null : (
          <Link className="quiet-link mono" to={pipelinePath(pipeline.id, pipeline.versionId)}>
            {shortId(pipeline.versionId)}
          </Link>
        ),
    },
    {
      id: "schedule",
      header: t("fact.schedule"),
      width: "96px",
      wideOnly: true,
      optional: true,
      sort: (run) => run.spec.recurringRun,
      cell: ({ spec: { recurringRun } }) =>
        recurringRun === undefined ? null : (
          <Link className="quiet-link mono" to={schedulePath(recurringRun)}>
            {shortId(recurringRun)}
          </Link>
        ),
    },
    timeColumn("started", t("column.started"), (run) => run.status.startedAt ?? run.metadata.creationTimestamp, {
      width: "104px",
    }),
    {
      id: "id",
      header: t("column.id"),
      width: "96px",
      wideOnly: true,
      optional: true,
      cell: (run) => <CopyId id={runId(run)} />,
    },
  ];
}

function Steps({ run, t }: { readonly run: Run; readonly t: Words }) {
  const { done, total } = countSteps(run.status.steps);
  if (total === 0) return null;
  const bars = stepBars(run.status.steps, 14).map((state, index) => ({ key: String(index), state, label: state }));
  return <StatusStrip bars={bars} label={t("steps.of", { done, total })} />;
}

const Muted = ({ text }: { readonly text: string }) => (
  <span className="muted" title={text}>
    {text}
  </span>
);

/** Which step failed, and why. */
function whole(error: string): string {
  const [first = "", ...rest] = error.split("\n");
  return [first, thrownIn(rest.join("\n"))].filter(Boolean).join("\n");
}
