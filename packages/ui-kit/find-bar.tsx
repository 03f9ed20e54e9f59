import type { KeyboardEvent, ReactNode } from "react";
import { useKitMessages } from "./kit.tsx";

export interface FindBarProps {
  readonly label: string;
  readonly needle: string;
  readonly onNeedle: (needle: string) => void;
  readonly count: number;
  /** Which of the matches is shown. */
  readonly at: number;
  readonly onGo: (index: number) => void;
}

/** Finds in a text: Enter goes to the next match, Shift-Enter to the one before, Escape clears. */
export function FindBar({ label, needle, onNeedle, count, at, onGo }: FindBarProps) {
  const t = useKitMessages();
  const keys = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "Enter") onGo(at + (event.shiftKey ? -1 : 1));
    if (event.key === "Escape") onNeedle("");
  };
  const step = (by: number, name: string, arrow: string) => (
    <button type="button" className="quiet" aria-label={name} title={name} onClick={() => onGo(at + by)}>
      {arrow}
    </button>
  );
  return (
    <>
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={needle}
        onChange={(event) => onNeedle(event.target.value)}
        onKeyDown={keys}
      />
      {needle === "" ? null : (
        <span className="muted number" role="status">
          {count === 0 ? t("log.nothing") : t("log.found", { at: at + 1, count })}
        </span>
      )}
      {count > 1 ? (
        <>
          {step(-1, t("log.previous"), "↑")}
          {step(1, t("log.next"), "↓")}
        </>
      ) : null}
    </>
  );
}

/** The text with every occurrence of `needle` marked. */
export function Marked({ text, needle }: { readonly text: string; readonly needle: string }): ReactNode {
  if (needle === "") return text;
  const parts: ReactNode[] = [];
  const lower = text.toLowerCase();
  const wanted = needle.toLowerCase();
  let from = 0;
  for (let index = lower.indexOf(wanted); index >= 0; index = lower.indexOf(wanted, from)) {
    parts.push(text.slice(from, index), <mark key={index}>{text.slice(index, index + wanted.length)}</mark>);
    from = index + wanted.length;
  }
  return [...parts, text.slice(from)];
}
