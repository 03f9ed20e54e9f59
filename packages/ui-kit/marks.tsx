import { useKitMessages } from "./kit.tsx";
import { stateKey } from "./kit-messages.ts";
import { Link } from "./navigation.tsx";
import type { State } from "./state.ts";

/** A state's drawing on a 12 × 12 field, without the svg around it, so that the graph can place it too. */
export function StateShape({ state }: { readonly state: State }) {
  switch (state) {
    case "succeeded":
      return (
        <>
          <circle cx="6" cy="6" r="6" fill="var(--ok)" />
          <path d="M3.3 6.2 5.2 8.1 8.8 4.2" stroke="var(--surface-0)" strokeWidth="1.5" fill="none" />
        </>
      );
    case "cached":
      return (
        <>
          <path d="M6 0a6 6 0 1 1-5.2 3L6 6z" fill="var(--ok)" opacity="0.7" />
          <path d="M3.8 6.6 5.4 8.2 8.8 4.6" stroke="var(--surface-0)" strokeWidth="1.5" fill="none" />
        </>
      );
    case "failed":
      return (
        <>
          <path d="M3.5 0h5L12 3.5v5L8.5 12h-5L0 8.5v-5z" fill="var(--fail)" />
          <path d="M4 4l4 4M8 4 4 8" stroke="var(--surface-0)" strokeWidth="1.5" />
        </>
      );
    case "running":
      return (
        <>
          <circle cx="6" cy="6" r="5" fill="none" stroke="var(--line-strong)" strokeWidth="2" />
          <path className="turning" d="M6 1a5 5 0 1 1-5 5" fill="none" stroke="var(--info)" strokeWidth="2" />
        </>
      );
    case "waiting":
      return (
        <>
          <circle cx="6" cy="6" r="5.2" fill="none" stroke="var(--warn)" strokeWidth="1.5" />
          <path d="M4.7 4v4M7.3 4v4" stroke="var(--warn)" strokeWidth="1.4" />
        </>
      );
    case "pending":
      return (
        <circle cx="6" cy="6" r="5.2" fill="none" stroke="var(--faint)" strokeWidth="1.5" strokeDasharray="2 1.6" />
      );
    case "skipped":
      return (
        <>
          <circle cx="6" cy="6" r="5.2" fill="none" stroke="var(--faint)" strokeWidth="1.3" strokeDasharray="3 2" />
          <path d="M3 9 9 3" stroke="var(--faint)" strokeWidth="1.3" />
        </>
      );
    case "cancelling":
      return (
        <rect x="1.25" y="1.25" width="9.5" height="9.5" rx="1" fill="none" stroke="var(--muted)" strokeWidth="1.5" />
      );
    case "cancelled":
      return <rect x="0.5" y="0.5" width="11" height="11" rx="1.5" fill="var(--muted)" />;
    case "degraded":
      return (
        <>
          <path d="M6 1 11.2 10.6H.8z" fill="none" stroke="var(--warn)" strokeWidth="1.4" strokeLinejoin="round" />
          <path d="M6 1 11.2 10.6H6z" fill="var(--warn)" />
        </>
      );
  }
}

export interface StateMarkProps {
  readonly state: State;
  /** Pixels; 12 by default. */
  readonly size?: number;
  /** True where the word stands beside the mark, so that it is not read out twice. */
  readonly silent?: boolean;
}

export function StateMark({ state, size = 12, silent = false }: StateMarkProps) {
  const t = useKitMessages();
  const name = t(stateKey(state));
  return (
    <svg
      className="mark"
      width={size}
      height={size}
      viewBox="0 0 12 12"
      {...(silent ? { "aria-hidden": true } : { role: "img", "aria-label": name })}
    >
      {silent ? null : <title>{name}</title>}
      <StateShape state={state} />
    </svg>
  );
}

/** The mark and its word; `detail` is the reason that stands beside it. */
export function StateLabel({ state, detail }: { readonly state: State; readonly detail?: string | undefined }) {
  const t = useKitMessages();
  return (
    <span className="state-label">
      <StateMark state={state} silent /> {t(stateKey(state))}
      {detail === undefined || detail === "" ? null : <span className="muted"> · {detail}</span>}
    </span>
  );
}

export interface StripBar {
  readonly key: string;
  readonly state: State;
  readonly label: string;
}

export interface StatusStripProps {
  readonly bars: readonly StripBar[];
  readonly label: string;
  /** With it, the bars are buttons, walked through by arrow keys. */
  readonly onSelect?: (key: string) => void;
  readonly selected?: string | undefined;
  /** With it, the bars are links. */
  readonly linkTo?: (key: string) => string;
}

/** A row of small bars in the colours of states, with the shape cut into the top: exceptions speak, success whispers. */
export function StatusStrip({ bars, label, onSelect, selected, linkTo }: StatusStripProps) {
  if (linkTo) {
    return (
      <span className="strip strip-large" role="group" aria-label={label} onKeyDown={(event) => moveByArrows(event)}>
        {bars.map((bar, index) => (
          <Link
            key={bar.key}
            to={linkTo(bar.key)}
            className="strip-button"
            aria-label={bar.label}
            title={bar.label}
            tabIndex={index === bars.length - 1 ? 0 : -1}
          >
            <i className={`bar bar-${bar.state}`} />
          </Link>
        ))}
      </span>
    );
  }
  if (!onSelect) {
    return (
      <span className="strip" role="img" aria-label={label} title={label}>
        {bars.map((bar) => (
          <i key={bar.key} className={`bar bar-${bar.state}`} />
        ))}
      </span>
    );
  }
  return (
    <span
      className="strip strip-large"
      role="listbox"
      aria-label={label}
      aria-orientation="horizontal"
      onKeyDown={(event) => moveByArrows(event)?.click()}
    >
      {bars.map((bar, index) => (
        <button
          key={bar.key}
          type="button"
          role="option"
          aria-selected={bar.key === selected}
          aria-label={bar.label}
          title={bar.label}
          tabIndex={bar.key === selected || (selected === undefined && index === 0) ? 0 : -1}
          className="strip-button"
          onClick={() => onSelect(bar.key)}
        >
          <i className={`bar bar-${bar.state}`} />
        </button>
      ))}
    </span>
  );
}

/** To the bar beside the one with the focus; answers it. */
function moveByArrows(event: React.KeyboardEvent<HTMLElement>): HTMLElement | undefined {
  const step =
    event.key === "ArrowRight"
      ? "nextElementSibling"
      : event.key === "ArrowLeft"
        ? "previousElementSibling"
        : undefined;
  const next = step && document.activeElement?.[step];
  if (!(next instanceof HTMLElement)) return undefined;
  event.preventDefault();
  next.focus();
  return next;
}
