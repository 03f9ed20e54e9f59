import {
  BarChart,
  ConfusionMatrix,
  EmptyState,
  ErrorPanel,
  areaUnder,
  formatValue,
  HtmlFrame,
  Link,
  Measured,
  Notice,
  RocChart,
  ScatterChart,
  seriesColour,
  Skeleton,
  Sparkline,
  StateLabel,
  Duration,
  Time,
  Switch,
  useFreshAnswer,
  useKit,
  useLiveNamed,
  useMessages,
  usePage,
  useQueryItem,
  ContentPreview,
  type Translate,
} from "@headrace/ui-kit";
import { useMemo, type ReactNode } from "react";
import { runs as runKind, type Run } from "../resources/index.ts";
import { artifactPath } from "./api.ts";
import { fetchCompared, type CompareArtifact } from "./compare-data.ts";
import {
  axisNames,
  axisValues,
  differ,
  lastValue,
  metricRowsOf,
  mostRuns,
  parameterRows,
  readRunList,
  type CompareRow,
} from "./compare.ts";
import { resultMessages } from "./results-messages.ts";
import { countSteps, runState } from "./state.ts";

type Words = Translate<keyof (typeof resultMessages)["en"]>;

/** A run of the comparison, with the colour that stands for it in every chart. */
interface Column {
  readonly run: Run;
  readonly id: string;
  readonly name: string;
  readonly colour: string;
}

/** Runs side by side: how they went, what they were given, what they measured and what they show. */
export function ComparePage() {
  const t = useMessages(resultMessages);
  const [list] = useQueryItem("runlist");
  const asked = useMemo(() => readRunList(list), [list]);
  const ids = useMemo(() => asked.slice(0, mostRuns), [asked]);
  usePage(t("compare"), [{ label: t("column.runs"), to: "/runs" }, { label: t("compare") }]);
  const live = useLiveNamed(runKind, ids);
  const byId = new Map(live.items.map((run) => [run.metadata.name, run]));
  const runs = ids.flatMap((id) => byId.get(id) ?? []);
  const missing = live.complete ? ids.filter((id) => !byId.has(id)) : [];
  return (
    <article className="page">
      <header className="page-head">
        <h1>{t("compare")}</h1>
        {ids.length < 2 ? null : (
          <p className="page-sentence">
            {t("compare.sentence", { count: ids.length })}
            {asked.length > mostRuns ? ` ${t("compare.tooMany", { most: mostRuns, count: asked.length })}` : null}
          </p>
        )}
      </header>
      {ids.length < 2 ? (
        <EmptyState
          sentence={t("compare.few", { most: mostRuns })}
          action={
            <Link className="button" to="/runs">
              {t("compare.toRuns")}
            </Link>
          }
        />
      ) : live.phase === "refused" ? (
        <ErrorPanel what={t("compare.failed")} error={live.error} onRetry={live.retry} />
      ) : !live.complete ? (
        <Skeleton rows={12} />
      ) : (
        <div className="page-scroll compare-page">
          {missing.length === 0 ? null : (
            <Notice
              tone="warn"
              title={t("compare.missing", {
                count: missing.length,
                names: missing.map((id) => id.slice(0, 8)).join(", "),
              })}
            />
          )}
          <Comparison runs={runs} t={t} />
        </div>
      )}
    </article>
  );
}

function Comparison({ runs, t }: { readonly runs: readonly Run[]; readonly t: Words }) {
  const { request } = useKit();
  const columns = useMemo(() => runs.map(asColumn), [runs]);
  const ids = columns.map(({ id }) => id);
  const stamp = runs.map(({ status }) => countSteps(status.steps).done).join(",");
  const made = useFreshAnswer(ids.join(","), stamp, (signal) => fetchCompared(request, ids, signal));
  const artifacts = made.state === "ready" ? made.value : [];
  return (
    <>
      <CompareTable columns={columns} t={t} />
      <MetricCharts columns={columns} t={t} />
      {made.state === "failed" ? (
        <ErrorPanel what={t("compare.failed")} error={made.error} onRetry={made.retry} />
      ) : made.state === "loading" ? (
        <Skeleton rows={4} />
      ) : (
        <>
          <Curves columns={columns} artifacts={artifacts} t={t} />
          <Matrices columns={columns} artifacts={artifacts} t={t} />
          <Documents columns={columns} artifacts={artifacts} t={t} />
        </>
      )}
    </>
  );
}

const asColumn = (run: Run, index: number): Column => ({
  run,
  id: run.metadata.name ?? "",
  name: run.spec.displayName,
  colour: seriesColour(index),
});

/** One table for all that is said in words and numbers: rows grouped, differences heavier, what is equal left out. */
function CompareTable({ columns, t }: { readonly columns: readonly Column[]; readonly t: Words }) {
  const [all, setAll] = useQueryItem("all");
  const [list, setList] = useQueryItem("runlist");
  const onlyDifferences = all === "";
  const runs = columns.map(({ run }) => run);
  const kept = (rows: readonly CompareRow[]): readonly CompareRow[] =>
    onlyDifferences ? rows.filter(({ differs }) => differs) : rows;
  const parameters = parameterRows(runs);
  const metrics = metricRowsOf(runs);
  return (
    <div className="compare-scroll">
      <table className="compare">
        <thead>
          <tr>
            <th>
              <label className="check">
                <input
                  type="checkbox"
                  checked={onlyDifferences}
                  onChange={(event) => setAll(event.target.checked ? "" : "1")}
                />{" "}
                {t("compare.onlyDifferences")}
              </label>
            </th>
            {columns.map(({ id, name, colour }) => (
              <th key={id} title={name}>
                <i className="swatch" style={{ background: colour }} />
                <Link to={`/runs/details/${id}`}>{name}</Link>{" "}
                <button
                  type="button"
                  className="quiet"
                  aria-label={t("compare.remove", { name })}
                  title={t("compare.remove", { name })}
                  onClick={() =>
                    setList(
                      readRunList(list)
                        .filter((other) => other !== id)
                        .join(","),
                    )
                  }
                >
                  ×
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <OverviewRows columns={columns} onlyDifferences={onlyDifferences} t={t} />
        <RowGroup title={t("compare.parameters")} width={columns.length} isEmpty={parameters.length === 0}>
          {kept(parameters).map((row) => (
            <tr key={row.name} className={row.differs ? "differs" : undefined}>
              <th scope="row">
                <code>{row.name}</code>
              </th>
              {row.values.map((value, index) => (
                <td key={columns[index]?.id} title={formatValue(value)}>
                  {value === undefined ? <span className="faint">–</span> : <code>{formatValue(value)}</code>}
                </td>
              ))}
            </tr>
          ))}
          {kept(parameters).length === 0 ? <Same width={columns.length} t={t} /> : null}
        </RowGroup>
        <RowGroup title={t("compare.metrics")} width={columns.length} isEmpty={metrics.length === 0}>
          {kept(metrics).map((row) => (
            <tr key={row.name} className={row.differs ? "differs" : undefined}>
              <th scope="row">
                <code>{row.name}</code>
              </th>
              {row.values.map((value, index) => (
                <td key={columns[index]?.id}>
                  <MetricValue values={value} />
                </td>
              ))}
            </tr>
          ))}
          {kept(metrics).length === 0 ? <Same width={columns.length} t={t} /> : null}
        </RowGroup>
      </table>
      {metrics.length === 0 ? <p className="faint">{t("compare.noMetrics")}</p> : null}
    </div>
  );
}

function RowGroup({
  title,
  width,
  isEmpty = false,
  children,
}: {
  readonly title: string;
  readonly width: number;
  readonly isEmpty?: boolean;
  readonly children: ReactNode;
}) {
  if (isEmpty) return null;
  return (
    <tbody>
      <tr className="group">
        <th scope="rowgroup">{title}</th>
        <td colSpan={width} />
      </tr>
      {children}
    </tbody>
  );
}

const Same = ({ width, t }: { readonly width: number; readonly t: Words }) => (
  <tr>
    <th aria-hidden />
    <td colSpan={width} className="faint">
      {t("compare.same")}
    </td>
  </tr>
);

function MetricValue({ values }: { readonly values: unknown }) {
  const last = lastValue(values);
  if (last === undefined) return <span className="faint">–</span>;
  const numbers = Array.isArray(values) ? values.filter((value) => typeof value === "number") : [];
  return (
    <>
      {numbers.length > 1 ? <Sparkline values={numbers} /> : null}
      <Measured value={last} />
    </>
  );
}

/** How each run went; its state is never left out, for it is the first thing to be asked. */
function OverviewRows({
  columns,
  onlyDifferences,
  t,
}: {
  readonly columns: readonly Column[];
  readonly onlyDifferences: boolean;
  readonly t: Words;
}) {
  const rows: readonly {
    readonly name: string;
    readonly value: (run: Run) => unknown;
    readonly cell: (run: Run) => ReactNode;
    readonly always?: boolean;
  }[] = [
    {
      name: t("column.state"),
      value: (run) => run.status.state,
      cell: (run) => <StateLabel state={runState(run)} />,
      always: true,
    },
    {
      name: t("column.duration"),
      value: ({ metadata }) => metadata.name,
      cell: ({ status }) => <Duration from={status.startedAt} to={status.finishedAt} />,
      always: true,
    },
    {
      name: t("column.started"),
      value: ({ metadata }) => metadata.name,
      cell: ({ status, metadata }) => <Time at={status.startedAt ?? metadata.creationTimestamp} />,
      always: true,
    },
    { name: t("column.pipeline"), value: ({ spec }) => spec.pipeline.name, cell: ({ spec }) => spec.pipeline.name },
    {
      name: t("column.version"),
      value: ({ spec }) => spec.pipeline.versionId ?? "",
      cell: ({ spec }) => <code>{spec.pipeline.versionId?.slice(0, 8)}</code>,
    },
    {
      name: t("column.experiment"),
      value: ({ spec }) => spec.experiment.id,
      cell: ({ spec }) => spec.experiment.name,
    },
    {
      name: t("column.namespace"),
      value: ({ metadata }) => metadata.namespace,
      cell: ({ metadata }) => <code>{metadata.namespace}</code>,
    },
    {
      name: t("steps"),
      value: ({ status }) => status.steps,
      cell: ({ status }) => {
        const { done, total, cached } = countSteps(status.steps);
        return (
          <span className="number">
            {done} / {total}
            {cached > 0 ? <span className="faint"> · {t("compare.cached", { count: cached })}</span> : null}
          </span>
        );
      },
    },
  ];
  const shown = rows
    .map((row) => ({ ...row, differs: differ(columns.map(({ run }) => row.value(run))) }))
    .filter(({ always, differs }) => always === true || differs || !onlyDifferences)
    // What none of them has says nothing.
    .filter(({ value }) => columns.some(({ run }) => value(run) !== ""));
  return (
    <RowGroup title={t("compare.overview")} width={columns.length}>
      {shown.map(({ name, cell, always, differs }) => (
        <tr key={name} className={differs && always !== true ? "differs" : undefined}>
          <th scope="row">{name}</th>
          {columns.map(({ id, run }) => (
            <td key={id}>{cell(run)}</td>
          ))}
        </tr>
      ))}
    </RowGroup>
  );
}

const Section = ({ title, tools, children }: { title: string; tools?: ReactNode; children: ReactNode }) => (
  <section>
    <header className="section-head">
      <h2>{title}</h2>
      {tools}
    </header>
    {children}
  </section>
);

/** Every metric as bars, or two measures against each other. */
function MetricCharts({ columns, t }: { readonly columns: readonly Column[]; readonly t: Words }) {
  const [chart, setChart] = useQueryItem("chart");
  const [xText, setX] = useQueryItem("x");
  const [yText, setY] = useQueryItem("y");
  const runs = columns.map(({ run }) => run);
  const metrics = metricRowsOf(runs).map(({ name }) => name);
  const names = axisNames(runs);
  const [first] = metrics;
  if (first === undefined) return null;
  const y = names.includes(yText) ? yText : first;
  const x = names.includes(xText) ? xText : (names.find((name) => name !== y) ?? y);
  const scatter = chart === "scatter";
  const axis = (label: string, value: string, set: (name: string) => void) => (
    <label className="muted">
      {label}{" "}
      <select value={value} onChange={(event) => set(event.target.value)}>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
  return (
    <Section
      title={t("compare.metrics")}
      tools={
        <>
          <Switch
            label={t("compare.chart")}
            value={scatter ? "scatter" : "bars"}
            onChange={(next) => setChart(next === "scatter" ? "scatter" : "")}
            options={[
              { value: "bars", label: t("compare.bars") },
              { value: "scatter", label: t("compare.scatter") },
            ]}
          />
          {scatter ? axis(t("compare.axisX"), x, setX) : null}
          {scatter ? axis(t("compare.axisY"), y, setY) : null}
        </>
      }
    >
      <div className="chart-grid">
        {scatter ? (
          <ScatterChart title={`${y} · ${x}`} points={pointsOf(columns, x, y)} xTitle={x} yTitle={y} />
        ) : (
          metrics.map((name) => {
            const values = axisValues(runs, name);
            const bars = columns.map(({ name: run, colour }, index) => ({ name: run, value: values[index], colour }));
            return <BarChart key={name} title={name} bars={distinctNames(bars)} />;
          })
        )}
      </div>
    </Section>
  );
}

function pointsOf(columns: readonly Column[], x: string, y: string) {
  const runs = columns.map(({ run }) => run);
  const [xs, ys] = [axisValues(runs, x), axisValues(runs, y)];
  const points = columns.flatMap(({ name, colour }, index) => {
    const [left, up] = [xs[index], ys[index]];
    return left === undefined || up === undefined ? [] : [{ name, colour, x: left, y: up }];
  });
  return distinctNames(points);
}

/** Runs may share a name; in a chart each needs its own. */
function distinctNames<Item extends { readonly name: string }>(items: readonly Item[]): readonly Item[] {
  const seen = new Map<string, number>();
  return items.map((item) => {
    const count = (seen.get(item.name) ?? 0) + 1;
    seen.set(item.name, count);
    return count === 1 ? item : { ...item, name: `${item.name} (${count})` };
  });
}

interface ArtifactsProps {
  readonly columns: readonly Column[];
  readonly artifacts: readonly CompareArtifact[];
  readonly t: Words;
}

const placesOf = (artifacts: readonly CompareArtifact[]): readonly string[] => [
  ...new Set(artifacts.map(({ place }) => place)),
];

/** One chart for each place in the pipeline, one curve a run and slice. */
function Curves({ columns, artifacts, t }: ArtifactsProps) {
  const withCurves = artifacts.filter(({ measured }) => measured.some(({ points }) => points));
  if (withCurves.length === 0) return null;
  return (
    <Section title={t("compare.roc")}>
      <div className="chart-grid">
        {placesOf(withCurves).map((place) => {
          const curves = columns.flatMap(({ id, name, colour }) =>
            withCurves
              .filter((item) => item.run === id && item.place === place)
              .flatMap(({ measured }) =>
                measured.flatMap(({ name: slice, points }) =>
                  points
                    ? [{ name: slice === "" ? name : `${name} · ${slice}`, colour, points, area: areaUnder(points) }]
                    : [],
                ),
              ),
          );
          return <RocChart key={place} title={place} curves={distinctNames(curves)} />;
        })}
      </div>
    </Section>
  );
}

function Matrices({ columns, artifacts, t }: ArtifactsProps) {
  const withMatrix = artifacts.filter(({ measured }) => measured.some(({ matrix }) => matrix));
  if (withMatrix.length === 0) return null;
  return (
    <Section title={t("compare.confusion")}>
      {placesOf(withMatrix).map((place) => (
        <div className="chart-grid" key={place}>
          {columns.flatMap(({ id, name }) =>
            withMatrix
              .filter((item) => item.run === id && item.place === place)
              .flatMap(({ measured, number }) =>
                measured.map(({ name: slice, matrix }) =>
                  matrix ? (
                    <ConfusionMatrix
                      key={`${number} ${slice}`}
                      title={[name, place, slice].filter(Boolean).join(" · ")}
                      labels={matrix.labels}
                      rows={matrix.rows}
                    />
                  ) : null,
                ),
              ),
          )}
        </div>
      ))}
    </Section>
  );
}

/** Two documents beside each other, of two runs or of one. */
function Documents({ columns, artifacts, t }: ArtifactsProps) {
  const [leftText, setLeft] = useQueryItem("left");
  const [rightText, setRight] = useQueryItem("right");
  const names = new Map(columns.map(({ id, name }) => [id, name]));
  const documents = artifacts.filter(({ kind }) => kind === "html" || kind === "markdown");
  const [first] = documents;
  if (!first) return null;
  const find = (text: string): CompareArtifact | undefined => documents.find(({ number }) => String(number) === text);
  const left = find(leftText) ?? first;
  // The same document of the next run says most.
  const right =
    find(rightText) ?? documents.find(({ place, run }) => place === left.place && run !== left.run) ?? documents[1];
  const panel = (label: string, chosen: CompareArtifact, choose: (number: string) => void) => (
    <section>
      <select aria-label={label} value={chosen.number} onChange={(event) => choose(event.target.value)}>
        {documents.map(({ number, run, place }) => (
          <option key={`${run} ${number}`} value={number}>
            {`${names.get(run) ?? run} · ${place}`}
          </option>
        ))}
      </select>
      {chosen.kind === "html" ? (
        <HtmlFrame key={chosen.number} address={artifactPath(chosen.namespace, chosen.number)} />
      ) : (
        <ContentPreview
          key={chosen.number}
          path={artifactPath(chosen.namespace, chosen.number)}
          name={`${chosen.place}.md`}
        />
      )}
    </section>
  );
  return (
    <Section title={t("compare.documents")}>
      <div className="two-panels">
        {panel(t("compare.left"), left, setLeft)}
        {right ? panel(t("compare.right"), right, setRight) : null}
      </div>
    </Section>
  );
}
