import { useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { RequestError } from "./errors.ts";
import { formatTime } from "./format.ts";
import { useKit, useKitMessages, useNow } from "./kit.tsx";
import { CopyButton, Sentence } from "./text.tsx";

/** A part that failed says so in its own place, with a way to try again; the rest of the page goes on. */
export function ErrorPanel({
  error,
  what,
  onRetry,
}: {
  readonly error: unknown;
  readonly what: string;
  readonly onRetry?: () => void;
}) {
  const t = useKitMessages();
  const offline = error instanceof RequestError && error.status === 0;
  const requestId = error instanceof RequestError ? error.requestId : undefined;
  return (
    <div className="notice notice-fail" role="alert">
      <p className="notice-title">
        <Sentence text={what} />
      </p>
      <p className="muted">
        <Sentence text={offline ? t("error.offline") : errorText(error)} />
        {requestId === undefined ? null : <span className="faint"> · {t("error.request", { id: requestId })}</span>}
      </p>
      {onRetry ? (
        <button type="button" className="compact" onClick={onRetry}>
          {t("retry")}
        </button>
      ) : null}
    </div>
  );
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export type NoticeTone = "fail" | "warn" | "info";

/** Why something is so, in one sentence, and what can be done about it. */
export function Notice({
  tone,
  title,
  children,
}: {
  readonly tone: NoticeTone;
  readonly title: ReactNode;
  readonly children?: ReactNode;
}) {
  return (
    <div className={`notice notice-${tone}`}>
      <p className="notice-title">{title}</p>
      {children}
    </div>
  );
}

export interface EmptyStateProps {
  readonly sentence: string;
  readonly action?: ReactNode;
  /** Code that fills the page, with a button that copies it. */
  readonly snippet?: string;
}

export function EmptyState({ sentence, action, snippet }: EmptyStateProps) {
  return (
    <div className="empty">
      <p>
        <Sentence text={sentence} />
      </p>
      {action}
      {snippet === undefined ? null : (
        <div className="snippet">
          <pre>{snippet}</pre>
          <CopyButton text={snippet} className="compact" />
        </div>
      )}
    </div>
  );
}

/** Rows of the real height in place of data. Shows nothing for the first 300 ms, so that fast answers do not flash. */
export function Skeleton({ rows }: { readonly rows: number }) {
  const t = useKitMessages();
  const { clock } = useKit();
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = clock.after(300, () => setShown(true));
    return () => timer[Symbol.dispose]();
  }, [clock]);
  return (
    <div className="skeleton" role="status" aria-label={t("loading")}>
      {shown
        ? Array.from({ length: rows }, (_, row) => (
            <i key={row} style={{ "--width": `${55 + ((row * 37) % 40)}%` } as React.CSSProperties} />
          ))
        : null}
    </div>
  );
}

/** One thin bar while some list has lost its connection. */
export function ConnectionBar() {
  const { lists } = useKit();
  const lostAt = useSyncExternalStore(lists.subscribe, lists.lostAt);
  return lostAt === undefined ? null : <LostBar since={lostAt} />;
}

function LostBar({ since }: { readonly since: number }) {
  const t = useKitMessages();
  const { language } = useKit();
  const now = useNow();
  return (
    <div className="connection-bar" role="status">
      {t("connection.lost", { ago: formatTime(since, now, language) })}
    </div>
  );
}
