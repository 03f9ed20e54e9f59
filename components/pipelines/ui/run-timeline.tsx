import {
  formatDuration,
  parseTime,
  rowWindow,
  scrollToRow,
  StateMark,
  useMessages,
  useNowWhile,
  useScrollView,
} from "@headrace/ui-kit";
import { useMemo, useRef, type KeyboardEvent } from "react";
import type { Run } from "../resources/index.ts";
import { pipelineMessages } from "./messages.ts";
import { flatten, isGroup, type CriticalPath, type RunNode } from "./run-tree.ts";
import { sayLabel, spanOf } from "./run-words.ts";
import { isRunOver } from "./state.ts";
import { timelineRows, timeTicks } from "./timeline.ts";

export interface RunTimelineProps {
  readonly tree: RunNode;
  readonly run: Run;
  readonly selected: RunNode | undefined;
  readonly onSelect: (key: string | undefined) => void;
  readonly critical: CriticalPath | undefined;
  /** Keys of the steps that somebody looks for; without it, all. */
  readonly found: ReadonlySet<string> | undefined;
}

/** When each step ran: one row each, waiting before the bar, tries as notches in it. */
export function RunTimeline({ tree, run, selected, onSelect, critical, found }: RunTimelineProps) {
  const t = useMessages(pipelineMessages);
  const now = useNowWhile(!isRunOver(run));
  const scroller = useRef<HTMLDivElement>(null);
  const view = useScrollView(scroller, "--row-compact");
  const start = parseTime(run.status.startedAt) ?? parseTime(run.metadata.creationTimestamp) ?? now ?? 0;
  const end = parseTime(run.status.finishedAt) ?? now ?? start;
  const nodes = useMemo(() => flatten(tree).filter(({ node }) => found?.has(node.key) !== false), [tree, found]);
  const ticks = timeTicks(end - start);
  const visible = rowWindow(nodes.length, view.rowHeight, view.top, view.height);
  const rows = timelineRows(nodes.slice(visible.start, visible.end), start, end);
  const keys = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const index = nodes.findIndex((row) => row.node.key === selected?.key);
    const next = Math.max(0, Math.min(nodes.length - 1, index + step));
    onSelect(nodes[next]?.node.key);
    const element = scroller.current;
    // The axis covers one row.
    if (element)
      element.scrollTop = scrollToRow(next, view.rowHeight, element.scrollTop, element.clientHeight - view.rowHeight);
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- takes the focus for the arrow keys
    <div
      className="timeline"
      ref={scroller}
      tabIndex={0}
      role="listbox"
      aria-label={t("view.timeline")}
      onKeyDown={keys}
    >
      <div className="timeline-axis" aria-hidden>
        <span className="timeline-label muted">{t("timeline.axis")}</span>
        <span className="timeline-track">
          {ticks.marks
            .filter((mark) => mark / ticks.span < 0.92)
            .map((mark) => (
              <span key={mark} className="timeline-tick number" style={{ left: `${(mark / ticks.span) * 100}%` }}>
                {mark === 0 ? 0 : formatDuration(mark)}
              </span>
            ))}
        </span>
      </div>
      <div style={{ height: visible.before }} />
      {rows.map((row) => {
        const { node } = row;
        const isSelected = node.key === selected?.key;
        const scale = (at: number): string => `${Math.max(0, Math.min(100, (at / ticks.span) * 100))}%`;
        const span = node.task ? spanOf(node.task.status, now) : "";
        const dimmed = critical !== undefined && !critical.has(node.key);
        return (
          <div
            key={node.key}
            role="option"
            aria-selected={isSelected}
            className={dimmed ? "timeline-row dimmed" : "timeline-row"}
            onClick={() => onSelect(node.key)}
          >
            <span
              className="timeline-label"
              style={{ paddingInlineStart: `calc(var(--space-4) + ${row.depth * 12}px)` }}
              title={node.key}
            >
              <StateMark state={node.state} /> <span className={isGroup(node) ? "" : "mono"}>{sayLabel(node, t)}</span>
            </span>
            <span className="timeline-track">
              {row.waited === undefined ? null : (
                <i
                  className="timeline-wait"
                  title={t("timeline.waited", { time: formatDuration(row.waited.to - row.waited.from) })}
                  style={{ left: scale(row.waited.from), width: scale(row.waited.to - row.waited.from) }}
                />
              )}
              {row.bar === undefined ? null : (
                <i
                  className={`timeline-bar ${isGroup(node) ? "timeline-group" : ""} state-${node.state}`}
                  style={{ left: scale(row.bar.from), width: scale(row.bar.to - row.bar.from) }}
                />
              )}
              {row.tries.map((at) => (
                <i key={at} className="timeline-try" style={{ left: scale(at) }} />
              ))}
              {row.bar === undefined ? null : (
                <Span {...placeOfSpan(row.bar.from / ticks.span, row.bar.to / ticks.span)} text={span} />
              )}
            </span>
          </div>
        );
      })}
      <div style={{ height: visible.after }} />
    </div>
  );
}

interface SpanPlace {
  readonly look: string;
  readonly style: { readonly left: string } | { readonly right: string };
}

/** How long it took stands after the bar, else before it; within it if it takes all of the room. Shares of the track. */
function placeOfSpan(from: number, to: number): SpanPlace {
  const percent = (share: number): string => `${share * 100}%`;
  if (to <= 0.86) return { look: "", style: { left: `calc(${percent(to)} + 6px)` } };
  if (from >= 0.14) return { look: "", style: { right: `calc(${percent(1 - from)} + 6px)` } };
  return { look: " timeline-span-within", style: { right: `calc(${percent(1 - to)} + 12px)` } };
}

function Span({ look, style, text }: SpanPlace & { readonly text: string }) {
  return (
    <span className={`timeline-span number${look}`} style={style}>
      {text}
    </span>
  );
}
