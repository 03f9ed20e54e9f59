import {
  Answered,
  ColumnChooser,
  CopyId,
  EmptyState,
  ErrorPanel,
  Link,
  ListPage,
  NoMatch,
  Selection,
  Switch,
  Table,
  timeColumn,
  useAction,
  useChosen,
  useFreshAnswer,
  useHiddenColumns,
  useKit,
  useListing,
  useMessages,
  useNavigate,
  usePage,
  useTableSort,
  type TableColumn,
  type Translate,
} from "@headrace/ui-kit";
import { useMemo, useState } from "react";
import type { Run } from "../resources/index.ts";
import { ExperimentQuestion, type ExperimentVerb } from "./experiment-question.tsx";
import { archiveExperiment, listExperiments, type Experiment } from "./experiments-api.ts";
import { experimentsMessages } from "./experiments-messages.ts";
import { LastRuns } from "./last-runs.tsx";
import { archivedExperimentsPath, experimentPath, experimentsPath, newExperimentPath, newRunPath } from "./places.ts";
import { recentRuns, useRunsBy } from "./runs-of.ts";

export type ExperimentWords = Translate<keyof (typeof experimentsMessages)["en"]>;

const idOf = ({ id }: Experiment): string => id;
const experimentOf = (run: Run): string => run.spec.experiment.id;

export const ExperimentsPage = () => <Experiments archived={false} />;
export const ArchivedExperimentsPage = () => <Experiments archived />;

/** Experiments with how their last runs went; the archived ones have an address of their own. */
function Experiments({ archived }: { readonly archived: boolean }) {
  const t = useMessages(experimentsMessages);
  const { namespace, request } = useKit();
  const navigate = useNavigate();
  const [sort, setSort] = useTableSort({ column: "last", descending: true });
  usePage(t("experiments"), [{ label: t("experiments") }]);
  const { groups } = useRunsBy(experimentOf, { namespace, most: recentRuns });
  // There is no watch of experiments; whoever makes one mostly runs something in it.
  const answer = useFreshAnswer(`experiments/${namespace}`, [...groups.keys()].toSorted().join(), (signal) =>
    listExperiments(request, namespace, signal),
  );
  const all = answer.state === "ready" ? answer.value : none;
  const kept = useMemo(() => all.filter((it) => it.archived === archived), [all, archived]);
  const list = useListing(kept, filterable);
  const columns = useMemo(() => experimentColumns(t, groups, archived), [t, groups, archived]);
  const [hidden, hide] = useHiddenColumns("headrace.columns.experiments", columns);
  const chosen = useChosen(list.rows, idOf);
  const [asking, setAsking] = useState<ExperimentVerb>();
  const done = (): void => {
    chosen.clear();
    answer.retry();
  };
  const restore = useAction(async () => {
    for (const { id } of chosen.items) await archiveExperiment(request, id, false);
    done();
  });

  return (
    <>
      <ListPage
        title={t("experiments")}
        count={answer.state === "ready" ? list.count : undefined}
        sentence={t("sentence")}
        actions={
          <Link className="button primary" to={newExperimentPath}>
            {t("new")}
          </Link>
        }
        filter={{ ...list.filter, fields: [], placeholder: t("filter") }}
        tools={
          <>
            <Switch
              label={t("tabs")}
              value={archived ? "archived" : "active"}
              onChange={(next) => void navigate(next === "archived" ? archivedExperimentsPath : experimentsPath)}
              options={[
                { value: "active", label: t("active") },
                { value: "archived", label: t("archived") },
              ]}
            />
            <ColumnChooser columns={columns} hidden={hidden} onToggle={hide} />
          </>
        }
        bulk={
          <Selection chosen={chosen}>
            <button type="button" className="compact" onClick={() => (archived ? restore.run() : setAsking("archive"))}>
              {t(archived ? "restore" : "archive")} <span className="count">{chosen.items.length}</span>
            </button>
            <button type="button" className="compact danger" onClick={() => setAsking("delete")}>
              {t("delete")} <span className="count">{chosen.items.length}</span>
            </button>
          </Selection>
        }
      >
        {restore.failure ? <ErrorPanel what={t("act.failed")} error={restore.failure.error} /> : null}
        <Answered answer={answer} failed={t("failed")} rows={8}>
          {() => (
            <Table
              label={t("experiments")}
              rows={list.rows}
              columns={columns}
              hidden={hidden}
              rowKey={idOf}
              sort={sort}
              onSort={setSort}
              {...chosen.boxes}
              onOpen={({ id }) => void navigate(experimentPath(id))}
              empty={
                kept.length > 0 ? (
                  <NoMatch sentence={t("emptyFilter")} onClear={list.clear} />
                ) : archived ? (
                  <EmptyState sentence={t("emptyArchived")} />
                ) : (
                  <NoExperiments t={t} />
                )
              }
            />
          )}
        </Answered>
      </ListPage>
      {asking === undefined ? null : (
        <ExperimentQuestion
          verb={asking}
          experiments={chosen.items}
          runs={groups}
          onDone={done}
          onClose={() => setAsking(undefined)}
        />
      )}
    </>
  );
}

const none: readonly Experiment[] = [];

function NoExperiments({ t }: { readonly t: ExperimentWords }) {
  const snippet = `from kfp import Client

client = Client(host="${location.origin}")
client.create_experiment("digits baseline")`;
  return (
    <EmptyState
      sentence={t("empty")}
      action={
        <Link className="button" to={newExperimentPath}>
          {t("new")}
        </Link>
      }
      snippet={snippet}
    />
  );
}

const filterable = ({ id, displayName, description, namespace }: Experiment) => ({
  text: `${displayName} ${description} ${id}`,
  fields: { name: displayName, description, namespace, id },
});

function experimentColumns(
  t: ExperimentWords,
  groups: ReadonlyMap<string, readonly Run[]>,
  archived: boolean,
): readonly TableColumn<Experiment>[] {
  const last = ({ id }: Experiment): Run | undefined => groups.get(id)?.[0];
  return [
    {
      id: "name",
      header: t("column.name"),
      width: "24%",
      sort: (it) => it.displayName.toLowerCase(),
      cell: (it) => (
        <Link className="name" to={experimentPath(it.id)} title={it.displayName}>
          {it.displayName}
        </Link>
      ),
    },
    {
      id: "description",
      header: t("column.description"),
      wideOnly: true,
      cell: (it) => (
        <span className="muted" title={it.description}>
          {it.description.split("\n")[0]}
        </span>
      ),
    },
    {
      id: "runs",
      header: t("column.runs"),
      width: "132px",
      cell: (it) => <LastRuns runs={groups.get(it.id)} />,
    },
    {
      id: "count",
      header: t("column.count"),
      width: "72px",
      align: "right",
      wideOnly: true,
      sort: (it) => groups.get(it.id)?.length ?? 0,
      cell: (it) => <span className="muted">{groups.get(it.id)?.length ?? ""}</span>,
    },
    timeColumn("last", t("column.last"), (it) => last(it)?.status.startedAt ?? last(it)?.metadata.creationTimestamp),
    timeColumn("created", t("column.created"), (it) => it.createdAt),
    {
      id: "id",
      header: t("column.id"),
      width: "96px",
      wideOnly: true,
      optional: true,
      cell: (it) => <CopyId id={it.id} />,
    },
    {
      id: "run",
      header: "",
      width: "84px",
      align: "right",
      wideOnly: true,
      cell: (it) => (archived ? null : <Link to={newRunPath({ experimentId: it.id })}>{t("newRun")}</Link>),
    },
  ];
}
