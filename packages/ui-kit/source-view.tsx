import { useMemo, useRef, useState, type ReactNode } from "react";
import { FindBar, Marked } from "./find-bar.tsx";
import { formMessages } from "./form-messages.ts";
import { useKitMessages, useMessages } from "./kit.tsx";
import { download } from "./log-view.tsx";
import { foldsAround, searchLines, sourceLines, visibleLines, yamlParts, type SourceLines } from "./source-lines.ts";
import { useScrollView } from "./table.tsx";
import { CopyButton } from "./text.tsx";
import { rowWindow } from "./window.ts";

export interface SourceViewProps {
  readonly text: string;
  readonly fileName: string;
  /** Before the search field. */
  readonly lead?: ReactNode;
}

/** A YAML text of any length: search, fold by indentation, copy, download. Only the lines on the screen exist. */
export function SourceView({ text, fileName, lead }: SourceViewProps) {
  const t = useMessages(formMessages);
  const kit = useKitMessages();
  const source = useMemo(() => sourceLines(text), [text]);
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  const [needle, setNeedle] = useState("");
  const [at, setAt] = useState(0);
  const found = useMemo(() => searchLines(source, needle), [source, needle]);
  const seen = useMemo(() => visibleLines(source, closed), [source, closed]);
  const scroller = useRef<HTMLDivElement>(null);
  const view = useScrollView(scroller, "--log-line");
  const shown = rowWindow(seen.length, view.rowHeight, view.top, view.height, 20);

  const goTo = (index: number, matches = found): void => {
    const next = matches.length === 0 ? 0 : (index + matches.length) % matches.length;
    const line = matches[next];
    setAt(next);
    if (line === undefined) return;
    const around = new Set(foldsAround(source, line));
    const opened = new Set([...closed].filter((start) => !around.has(start)));
    setClosed(opened);
    const element = scroller.current;
    const row = visibleLines(source, opened).indexOf(line);
    // The height of what has just been opened is there after the next paint.
    if (element) requestAnimationFrame(() => (element.scrollTop = row * view.rowHeight - element.clientHeight / 2));
  };
  const toggle = (line: number): void => {
    const next = new Set(closed);
    if (!next.delete(line)) next.add(line);
    setClosed(next);
  };

  return (
    <section className="log source-view">
      <div className="log-tools">
        {lead}
        <FindBar
          label={t("source.search")}
          needle={needle}
          onNeedle={(next) => {
            setNeedle(next);
            goTo(0, searchLines(source, next));
          }}
          count={found.length}
          at={at}
          onGo={goTo}
        />
        <span className="grow" />
        <button
          type="button"
          className="quiet"
          onClick={() => setClosed(closed.size > 0 ? new Set() : innerFolds(source))}
        >
          {t(closed.size > 0 ? "source.unfold" : "source.fold")}
        </button>
        <CopyButton text={text} />
        <button type="button" className="quiet" onClick={() => download(fileName, text, "application/yaml")}>
          {kit("download")}
        </button>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard */}
      <div className="log-lines" ref={scroller} role="region" aria-label={fileName} tabIndex={0}>
        <div style={{ height: shown.before }} />
        {seen.slice(shown.start, shown.end).map((line) => (
          <SourceLine
            key={line}
            line={line}
            text={source.lines[line] ?? ""}
            fold={source.folds.get(line)}
            closed={closed.has(line)}
            needle={needle}
            current={line === found[at]}
            onToggle={toggle}
          />
        ))}
        <div style={{ height: shown.after }} />
      </div>
    </section>
  );
}

function SourceLine({
  line,
  text,
  fold,
  closed,
  needle,
  current,
  onToggle,
}: {
  readonly line: number;
  readonly text: string;
  readonly fold: number | undefined;
  readonly closed: boolean;
  readonly needle: string;
  readonly current: boolean;
  readonly onToggle: (line: number) => void;
}) {
  const t = useMessages(formMessages);
  const { key, value } = yamlParts(text);
  return (
    <div className={current ? "line line-current" : "line"}>
      <span className="line-number" aria-hidden>
        {line + 1}
      </span>
      {fold === undefined ? (
        <span className="fold" />
      ) : (
        <button
          type="button"
          className="fold"
          aria-expanded={!closed}
          aria-label={t("source.foldLine", { line: line + 1 })}
          tabIndex={-1}
          onClick={() => onToggle(line)}
        >
          {closed ? "▸" : "▾"}
        </button>
      )}
      <span className="source-key">
        <Marked text={key} needle={needle} />
      </span>
      <span className="source-value">
        <Marked text={value} needle={needle} />
      </span>
      {closed && fold !== undefined ? (
        <button type="button" className="folded" tabIndex={-1} onClick={() => onToggle(line)}>
          {t("source.hidden", { count: fold - line })}
        </button>
      ) : null}
    </div>
  );
}

/** Everything below the first two levels: what remains is an overview. */
function innerFolds({ lines, folds }: SourceLines): ReadonlySet<number> {
  return new Set([...folds.keys()].filter((line) => /^\s{2}\S/.test(lines[line] ?? "")));
}
