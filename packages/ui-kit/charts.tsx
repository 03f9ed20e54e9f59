import { Fragment, useState, type ReactNode } from "react";
import { linearScale, toCsv } from "./chart-scale.ts";
import { formatNumber } from "./format.ts";
import { useKitMessages } from "./kit.tsx";
import { download } from "./log-view.tsx";
import { Measured } from "./text.tsx";

export interface ChartTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** Every chart can be read as a table and taken along as CSV. */
export function ChartFrame({
  title,
  table,
  tools,
  children,
}: {
  readonly title: string;
  readonly table: ChartTable;
  readonly tools?: ReactNode;
  readonly children: ReactNode;
}) {
  const t = useKitMessages();
  const [asTable, setAsTable] = useState(false);
  return (
    <figure className="chart">
      <figcaption>
        <span>{title}</span>
        <span className="grow" />
        {tools}
        <button type="button" className="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {asTable ? t("chart.chart") : t("chart.table")}
        </button>
        <button
          type="button"
          className="quiet"
          onClick={() => download(`${title}.csv`, toCsv(table.header, table.rows), "text/csv")}
        >
          {t("chart.csv")}
        </button>
      </figcaption>
      {asTable ? <PlainTable table={table} /> : children}
    </figure>
  );
}

export function PlainTable({ table }: { readonly table: ChartTable }) {
  return (
    <div className="plain-table">
      <table>
        <thead>
          <tr>
            {table.header.map((cell, column) => (
              <th
                key={cell}
                className={table.rows.some((row) => typeof row[column] === "number") ? "right" : undefined}
              >
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- measured rows have no other identity
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={table.header[column] ?? column} className={typeof cell === "number" ? "right" : undefined}>
                  {typeof cell === "number" ? <Measured value={cell} /> : cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  /** Said beside the point on hover. */
  readonly note?: string;
}

export interface ChartSeries {
  readonly name: string;
  readonly points: readonly ChartPoint[];
  /** A CSS colour in place of the next in order, for what has a colour elsewhere on the page. */
  readonly colour?: string;
  /** A reference, such as the diagonal of chance: faint and dashed, without hover. */
  readonly reference?: boolean;
}

export interface LineChartProps {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly xTitle: string;
  readonly yTitle: string;
  readonly zero?: boolean;
  /** Equal sides, for curves over the unit square. */
  readonly square?: boolean;
  readonly tools?: ReactNode;
}

const plot = { width: 400, height: 220, left: 44, right: 12, top: 8, bottom: 36 } as const;

export function LineChart({ title, series, xTitle, yTitle, zero = false, square = false, tools }: LineChartProps) {
  const height = square ? 360 : plot.height;
  const points = series.flatMap((it) => it.points);
  const x = linearScale(
    points.map((point) => point.x),
    [plot.left, plot.width - plot.right],
    { zero: square },
  );
  const y = linearScale(
    points.map((point) => point.y),
    [height - plot.bottom, plot.top],
    { zero: zero || square },
  );
  const [hover, setHover] = useState<number>();
  const measured = series.filter((it) => it.reference !== true);
  const table: ChartTable = { header: [xTitle, ...measured.map((it) => it.name)], rows: tableRows(measured) };
  const follow = (event: React.PointerEvent<SVGSVGElement>): void => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
      event.currentTarget.getScreenCTM()?.inverse(),
    );
    const [low, high] = x.domain;
    setHover(low + ((at.x - plot.left) / (plot.width - plot.right - plot.left)) * (high - low));
  };
  const hits = hover === undefined ? [] : measured.flatMap((it, index) => nearestPoint(it, hover, index));
  const line = hits[0];
  return (
    <ChartFrame title={title} table={table} tools={tools}>
      <svg
        className={square ? "plot plot-square" : "plot"}
        viewBox={`0 0 ${plot.width} ${height}`}
        role="img"
        aria-label={title}
        onPointerMove={follow}
        onPointerLeave={() => setHover(undefined)}
      >
        <Axes x={x} y={y} height={height} xTitle={xTitle} yTitle={yTitle} />
        {series.map((it, index) => (
          <path
            key={it.name}
            className={it.reference === true ? "series series-reference" : "series"}
            style={it.reference === true ? undefined : { stroke: it.colour ?? seriesColour(measured.indexOf(it)) }}
            strokeDasharray={isDashed(series, index) ? "5 3" : undefined}
            d={it.points
              .map((point, at) => `${at === 0 ? "M" : "L"}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`)
              .join("")}
          />
        ))}
        {line ? <path className="crosshair" d={`M${x(line.point.x)} ${plot.top}V${height - plot.bottom}`} /> : null}
        {hits.map((hit) => (
          <circle
            key={hit.name}
            cx={x(hit.point.x)}
            cy={y(hit.point.y)}
            r="3.5"
            fill={hit.colour}
            stroke="var(--surface-0)"
            strokeWidth="1.5"
          />
        ))}
      </svg>
      <ul className="legend">
        {measured.map((it, index) => {
          const hit = hits.find((candidate) => candidate.name === it.name);
          return (
            <li key={it.name}>
              <i style={{ background: it.colour ?? seriesColour(index) }} /> {it.name}
              {hit ? (
                <span className="muted number">
                  {" "}
                  {formatNumber(hit.point.x)} → {formatNumber(hit.point.y)}
                  {hit.point.note === undefined ? "" : ` · ${hit.point.note}`}
                </span>
              ) : null}
            </li>
          );
        })}
      </ul>
    </ChartFrame>
  );
}

/** Beyond six series, or where one has the colour of an earlier one, the line tells them apart. */
function isDashed(series: readonly ChartSeries[], index: number): boolean {
  const { reference, colour } = series[index] ?? {};
  if (reference === true) return false;
  return colour === undefined ? index >= 6 : series.findIndex((other) => other.colour === colour) < index;
}

function Axes({
  x,
  y,
  height,
  xTitle,
  yTitle,
}: {
  readonly x: ReturnType<typeof linearScale>;
  readonly y: ReturnType<typeof linearScale>;
  readonly height: number;
  readonly xTitle: string;
  readonly yTitle: string;
}) {
  const bottom = height - plot.bottom;
  return (
    <g className="axes">
      {y.ticks.map((tick) => (
        <g key={tick}>
          <path className="grid-line" d={`M${plot.left} ${y(tick)}H${plot.width - plot.right}`} />
          <text x={plot.left - 6} y={y(tick) + 4} textAnchor="end">
            {formatNumber(tick)}
          </text>
        </g>
      ))}
      {x.ticks.map((tick) => (
        <text key={tick} x={x(tick)} y={bottom + 14} textAnchor="middle">
          {formatNumber(tick)}
        </text>
      ))}
      <path className="axis" d={`M${plot.left} ${plot.top}V${bottom}H${plot.width - plot.right}`} />
      <text className="axis-title" x={(plot.left + plot.width - plot.right) / 2} y={height - 4} textAnchor="middle">
        {xTitle}
      </text>
      <text
        className="axis-title"
        transform={`translate(11 ${(plot.top + bottom) / 2}) rotate(-90)`}
        textAnchor="middle"
      >
        {yTitle}
      </text>
    </g>
  );
}

function nearestPoint(
  series: ChartSeries,
  at: number,
  index: number,
): readonly { readonly name: string; readonly point: ChartPoint; readonly colour: string }[] {
  let best: ChartPoint | undefined;
  for (const point of series.points) if (!best || Math.abs(point.x - at) < Math.abs(best.x - at)) best = point;
  return best ? [{ name: series.name, point: best, colour: series.colour ?? seriesColour(index) }] : [];
}

function tableRows(series: readonly ChartSeries[]): readonly (readonly (string | number)[])[] {
  const xs = [...new Set(series.flatMap((it) => it.points.map((point) => point.x)))].sort((a, b) => a - b);
  const values = series.map((it) => new Map(it.points.map((point) => [point.x, point.y])));
  return xs.map((x) => [x, ...values.map((it) => it.get(x) ?? "")]);
}

/** Bars of one measure, one a thing, from zero; what has no number has no bar. */
export function BarChart({
  title,
  bars,
  tools,
}: {
  readonly title: string;
  readonly bars: readonly { readonly name: string; readonly value: number | undefined; readonly colour: string }[];
  readonly tools?: ReactNode;
}) {
  const t = useKitMessages();
  const numbers = bars.flatMap(({ value }) => value ?? []);
  const [least, most] = [Math.min(0, ...numbers), Math.max(0, ...numbers)];
  const share = (value: number): string => `${(value / Math.max(most - least, Number.EPSILON)) * 100}%`;
  const table: ChartTable = {
    header: [t("chart.name"), title],
    rows: bars.map(({ name, value }) => [name, value ?? ""]),
  };
  return (
    <ChartFrame title={title} table={table} tools={tools}>
      <div className="bars">
        {bars.map(({ name, value, colour }) => (
          <Fragment key={name}>
            <span className="mono" title={name}>
              {name}
            </span>
            <span className="bar-track">
              {value === undefined ? null : (
                <i
                  style={{
                    background: colour,
                    width: share(Math.abs(value)),
                    marginLeft: share(Math.min(0, value) - least),
                  }}
                />
              )}
            </span>
            {value === undefined ? <span>–</span> : <Measured value={value} />}
          </Fragment>
        ))}
      </div>
    </ChartFrame>
  );
}

/** Things as points over two measures. */
export function ScatterChart({
  title,
  points,
  xTitle,
  yTitle,
  tools,
}: {
  readonly title: string;
  readonly points: readonly {
    readonly name: string;
    readonly x: number;
    readonly y: number;
    readonly colour: string;
  }[];
  readonly xTitle: string;
  readonly yTitle: string;
  readonly tools?: ReactNode;
}) {
  const t = useKitMessages();
  const range = [plot.left, plot.width - plot.right] as const;
  const x = linearScale(
    points.map((point) => point.x),
    range,
  );
  const y = linearScale(
    points.map((point) => point.y),
    [plot.height - plot.bottom, plot.top],
  );
  const table: ChartTable = {
    header: [t("chart.name"), xTitle, yTitle],
    rows: points.map((point) => [point.name, point.x, point.y]),
  };
  return (
    <ChartFrame title={title} table={table} tools={tools}>
      <svg className="plot" viewBox={`0 0 ${plot.width} ${plot.height}`} role="img" aria-label={title}>
        <Axes x={x} y={y} height={plot.height} xTitle={xTitle} yTitle={yTitle} />
        {points.map((point) => (
          <circle
            key={point.name}
            cx={x(point.x)}
            cy={y(point.y)}
            r="4.5"
            fill={point.colour}
            stroke="var(--surface-0)"
            strokeWidth="1.5"
          >
            <title>{`${point.name}: ${formatNumber(point.x)}, ${formatNumber(point.y)}`}</title>
          </circle>
        ))}
      </svg>
    </ChartFrame>
  );
}

/** Values in their order, as small as a word. */
export function Sparkline({ values }: { readonly values: readonly number[] }) {
  const [width, height, edge] = [44, 18, 3];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const y = (value: number): number =>
    most === least ? height / 2 : height - edge - ((value - least) / (most - least)) * (height - 2 * edge);
  const at = (index: number): number => edge + (index / Math.max(1, values.length - 1)) * (width - 2 * edge);
  const last = values.at(-1);
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={values.map(formatNumber).join(", ")}
    >
      <title>{values.map(formatNumber).join(", ")}</title>
      <path
        d={values
          .map((value, index) => `${index === 0 ? "M" : "L"}${at(index).toFixed(1)} ${y(value).toFixed(1)}`)
          .join("")}
      />
      {last === undefined ? null : <circle cx={at(values.length - 1)} cy={y(last)} r="2" />}
    </svg>
  );
}

export const seriesColour = (index: number): string => `var(--series-${(index % 6) + 1})`;

export interface ConfusionMatrixProps {
  readonly title: string;
  readonly labels: readonly string[];
  /** `rows[actual][predicted]` counts. */
  readonly rows: readonly (readonly number[])[];
}

/** Per cent of the hue: with more of it, neither dark nor light numbers can be read on some cell. */
const mostStrength = 64;

/** One hue, numbers in the cells; shares of a row on demand. */
export function ConfusionMatrix({ title, labels, rows }: ConfusionMatrixProps) {
  const t = useKitMessages();
  const [shares, setShares] = useState(false);
  const totals = rows.map((row) => row.reduce((sum, value) => sum + value, 0));
  const largest = Math.max(1, ...rows.flat());
  const table: ChartTable = {
    header: [t("chart.actual"), ...labels],
    rows: rows.map((row, index) => [labels[index] ?? String(index), ...row]),
  };
  const strength = (value: number, row: number): number =>
    shares ? value / Math.max(1, totals[row] ?? 1) : value / largest;
  return (
    <ChartFrame
      title={title}
      table={table}
      tools={
        <button type="button" className="quiet" aria-pressed={shares} onClick={() => setShares(!shares)}>
          {shares ? t("chart.counts") : t("chart.normalise")}
        </button>
      }
    >
      <div className="matrix-scroll">
        <table className="matrix">
          <thead>
            <tr>
              <th className="matrix-corner">
                {t("chart.actual")} ╲ {t("chart.predicted")}
              </th>
              {labels.map((label) => (
                <th key={label} scope="col" title={label}>
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={labels[index] ?? index}>
                <th scope="row" title={labels[index]}>
                  {labels[index] ?? index}
                </th>
                {row.map((value, column) => {
                  const share = strength(value, index);
                  return (
                    <td
                      key={labels[column] ?? column}
                      className={share > 0.55 ? "strong" : value === 0 ? "faint" : undefined}
                      style={{ "--strength": `${Math.round(share * mostStrength)}%` } as React.CSSProperties}
                    >
                      {shares ? (value / Math.max(1, totals[index] ?? 1)).toFixed(2) : formatNumber(value)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </ChartFrame>
  );
}

export interface RocChartProps {
  readonly title: string;
  readonly curves: readonly {
    readonly name: string;
    readonly points: readonly ChartPoint[];
    readonly area: number;
    readonly colour?: string;
  }[];
}

export function RocChart({ title, curves }: RocChartProps) {
  const t = useKitMessages();
  const diagonal: ChartSeries = {
    name: t("chart.chance"),
    reference: true,
    points: [
      { x: 0, y: 0 },
      { x: 1, y: 1 },
    ],
  };
  const series = curves.map((curve) => ({
    name: `${curve.name} · ${t("chart.auc")} ${curve.area.toFixed(3)}`,
    points: curve.points,
    ...(curve.colour !== undefined && { colour: curve.colour }),
  }));
  return (
    <LineChart
      title={title}
      series={[diagonal, ...series]}
      xTitle={t("chart.falsePositives")}
      yTitle={t("chart.truePositives")}
      square
    />
  );
}
