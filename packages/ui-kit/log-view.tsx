import { useEffect, useMemo, useReducer, useRef, useState, type ReactNode } from "react";
import { parseAnsi } from "./ansi.ts";
import { ErrorPanel } from "./feedback.tsx";
import { FindBar, Marked } from "./find-bar.tsx";
import { useKitMessages } from "./kit.tsx";
import { LogLines, type LogLine } from "./log-lines.ts";
import { useScrollView } from "./table.tsx";
import { rowWindow } from "./window.ts";

export interface LogViewProps {
  /** Says which log this is; another one starts anew. */
  readonly source: string;
  /** Opens the log; pieces of text until it ends or the signal aborts. */
  readonly open: (signal: AbortSignal) => AsyncIterable<string>;
  readonly fileName: string;
  /** What could not be read, for the failure's first line. */
  readonly what: string;
  /** Before the search field: which of several logs is shown. */
  readonly lead?: ReactNode;
}

type Phase =
  | { readonly state: "reading" }
  | { readonly state: "done" }
  | { readonly state: "failed"; readonly error: unknown };

/** A log of up to a million lines: follow, search, times on demand, colours, download. */
export function LogView({ source, open, fileName, what, lead }: LogViewProps) {
  const t = useKitMessages();
  const { lines, phase, version, retry } = useLog(source, open);
  const scroller = useRef<HTMLDivElement>(null);
  const view = useScrollView(scroller, "--log-line");
  const [follow, setFollow] = useState(true);
  const [times, setTimes] = useState(false);
  const [needle, setNeedle] = useState("");
  const [at, setAt] = useState(0);
  const found = useMemo(() => lines.search(needle), [lines, needle, version]);
  const count = lines.length;
  const visible = rowWindow(count, view.rowHeight, view.top, view.height, 20);
  const current = found[at];

  useEffect(() => {
    const element = scroller.current;
    if (follow && element) element.scrollTop = element.scrollHeight;
  }, [follow, version]);
  const goTo = (index: number): void => {
    const next = found.length === 0 ? 0 : (index + found.length) % found.length;
    setAt(next);
    setFollow(false);
    const line = found[next];
    const element = scroller.current;
    if (line !== undefined && element) element.scrollTop = line * view.rowHeight - element.clientHeight / 2;
  };
  return (
    <section className="log">
      <div className="log-tools">
        {lead}
        <FindBar
          label={t("log.search")}
          needle={needle}
          onNeedle={(next) => {
            setNeedle(next);
            setAt(0);
          }}
          count={found.length}
          at={at}
          onGo={goTo}
        />
        <span className="grow" />
        <button type="button" className="quiet" aria-pressed={times} onClick={() => setTimes(!times)}>
          {t("log.times")}
        </button>
        <button type="button" className="quiet" aria-pressed={follow} onClick={() => setFollow(!follow)}>
          {t("log.follow")}
        </button>
        <button
          type="button"
          className="quiet"
          disabled={count === 0}
          onClick={() => download(fileName, lines.toText())}
        >
          {t("download")}
        </button>
      </div>
      {phase.state === "failed" ? <ErrorPanel what={what} error={phase.error} onRetry={retry} /> : null}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard */}
      <div
        className="log-lines"
        ref={scroller}
        role="log"
        aria-live="off"
        tabIndex={0}
        onWheel={(event) => event.deltaY < 0 && setFollow(false)}
      >
        {lines.dropped > 0 ? (
          <p className="log-note">{t("log.dropped", { count: lines.dropped, first: lines.dropped + 1 })}</p>
        ) : null}
        {count === 0 && phase.state !== "failed" ? (
          <p className="log-note">{phase.state === "done" ? t("log.emptyDone") : t("log.empty")}</p>
        ) : null}
        <div style={{ height: visible.before }} />
        {Array.from({ length: visible.end - visible.start }, (_, offset) => {
          const index = visible.start + offset;
          const line = lines.at(index);
          return line ? (
            <Line key={line.number} line={line} times={times} needle={needle} current={index === current} />
          ) : null;
        })}
        <div style={{ height: visible.after }} />
      </div>
    </section>
  );
}

function Line({
  line,
  times,
  needle,
  current,
}: {
  readonly line: LogLine;
  readonly times: boolean;
  readonly needle: string;
  readonly current: boolean;
}) {
  return (
    <div className={current ? "line line-current" : "line"} title={line.time}>
      <span className="line-number" aria-hidden>
        {times && line.time !== undefined ? clockTime(line.time) : line.number}
      </span>
      {parseAnsi(line.text).map((span, index) => {
        const classes = [span.colour && `ansi-${span.colour}`, span.bold && "bold", span.dim && "faint"]
          .filter(Boolean)
          .join(" ");
        return (
          // oxlint-disable-next-line react/no-array-index-key -- the spans of one line have no other identity
          <span key={index} className={classes === "" ? undefined : classes}>
            <Marked text={span.text} needle={needle} />
          </span>
        );
      })}
    </div>
  );
}

/** Reads one log to its end. `version` grows with what has arrived, once a frame at most. */
function useLog(source: string, open: (signal: AbortSignal) => AsyncIterable<string>) {
  const [round, retry] = useReducer((it: number) => it + 1, 0);
  const [version, grow] = useReducer((it: number) => it + 1, 0);
  const [phase, setPhase] = useState<Phase>({ state: "reading" });
  const lines = useMemo(() => new LogLines(), [source, round]);
  const latest = useRef(open);
  latest.current = open;
  useEffect(() => {
    const controller = new AbortController();
    let frame = 0;
    const changed = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        grow();
      });
    };
    const read = async (): Promise<void> => {
      for await (const piece of latest.current(controller.signal)) {
        if (controller.signal.aborted) return;
        lines.append(piece);
        changed();
      }
    };
    setPhase({ state: "reading" });
    read().then(
      () => !controller.signal.aborted && setPhase({ state: "done" }),
      (error: unknown) => !controller.signal.aborted && setPhase({ state: "failed", error }),
    );
    return () => {
      controller.abort();
      cancelAnimationFrame(frame);
    };
  }, [lines]);
  return { lines, phase, version, retry };
}

const clockTime = (time: string): string => time.slice(11, 23).replace("Z", "");

/** Hands a text to the browser as a file. */
export function download(fileName: string, text: string, type = "text/plain"): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(url);
}
