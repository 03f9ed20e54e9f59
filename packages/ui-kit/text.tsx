import { Fragment, useEffect, useState } from "react";
import { CopyError } from "./errors.ts";
import { formatBytes, formatElapsed, formatNumber, formatSpan, formatTime, parseTime, shortId } from "./format.ts";
import { useKit, useKitMessages, useNow } from "./kit.tsx";

/** A message with its backticked parts in code type. */
export function Sentence({ text }: { readonly text: string }) {
  return (
    <>
      {text.split("`").map((part, index) => (
        // oxlint-disable-next-line react/no-array-index-key -- the parts of one text have no other identity
        <Fragment key={index}>{index % 2 === 1 ? <code>{part}</code> : part}</Fragment>
      ))}
    </>
  );
}

/** When something was, relative up to a day, the full time on hover. Times are RFC 3339. */
export function Time({ at }: { readonly at: string | undefined }) {
  const { language } = useKit();
  const now = useNow();
  const time = parseTime(at);
  if (time === undefined) return null;
  return (
    <time dateTime={at} title={at}>
      {formatTime(time, now, language)}
    </time>
  );
}

/** How long something took, or how long it has been going on if it has no end yet. Times are RFC 3339. */
export function Duration({ from, to }: { readonly from: string | undefined; readonly to: string | undefined }) {
  const start = parseTime(from);
  if (start === undefined || from === undefined) return null;
  if (to === undefined) return <Elapsed from={start} />;
  return (
    <span className="number" title={`${from} – ${to}`}>
      {formatSpan(from, to)}
    </span>
  );
}

function Elapsed({ from }: { readonly from: number }) {
  return <span className="number">{formatElapsed(useNow() - from)}</span>;
}

export function Bytes({ size }: { readonly size: number | undefined }) {
  if (size === undefined) return null;
  return (
    <span className="number" title={size < 1024 ? undefined : `${formatNumber(size)} B`}>
      {formatBytes(size)}
    </span>
  );
}

/** A measured number as far as it helps to read it; all of its digits on hover. */
export function Measured({ value }: { readonly value: number }) {
  const shown = formatNumber(value);
  const whole = String(value);
  return (
    <span className="number" title={shown.replaceAll(",", "") === whole ? undefined : whole}>
      {shown}
    </span>
  );
}

/** An identifier, shortened; a click copies the whole. */
export function CopyId({ id, short = true }: { readonly id: string; readonly short?: boolean }) {
  return (
    <CopyButton text={id} className="copy-id">
      <code>{short ? shortId(id) : id}</code>
    </CopyButton>
  );
}

export interface CopyButtonProps {
  readonly text: string;
  readonly className?: string;
  readonly children?: React.ReactNode;
}

export function CopyButton({ text, className = "quiet", children }: CopyButtonProps) {
  const t = useKitMessages();
  const { clock } = useKit();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = clock.after(1500, () => setCopied(false));
    return () => timer[Symbol.dispose]();
  }, [copied, clock]);
  const copy = (): void => {
    copyText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <button
      type="button"
      className={className}
      title={text.length > longestTitle ? t("copy") : `${t("copy")}: ${text}`}
      onClick={copy}
    >
      {children ?? (copied ? t("copied") : t("copy"))}
      {children !== undefined && copied ? <span className="copied"> {t("copied")}</span> : null}
      <span className="visually-hidden" aria-live="polite">
        {copied ? t("copied") : ""}
      </span>
    </button>
  );
}

/** Longer texts are no help on hover. */
const longestTitle = 120;

/** Browsers lend the clipboard only to pages from this machine or by HTTPS; elsewhere it is filled by a selection. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return await navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  const before = document.activeElement;
  // A dialog makes the rest of the page inert.
  (before?.closest("dialog") ?? document.body).append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  if (!done) throw new CopyError();
}

/** Pairs of a term and what it is, in two columns. Undefined values are left out. */
export function DefinitionList({
  items,
  wide = false,
}: {
  readonly items: readonly (readonly [string, React.ReactNode])[];
  readonly wide?: boolean;
}) {
  return (
    <dl className={wide ? "facts facts-wide" : "facts"}>
      {items.map(([term, value]) =>
        value === undefined || value === null ? null : (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
