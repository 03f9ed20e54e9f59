import { useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { useKitMessages } from "./kit.tsx";

export interface SplitProps {
  readonly children: ReactNode;
  /** The right panel; undefined while nothing is selected. */
  readonly panel: ReactNode | undefined;
  /** The panel's width is remembered under this name. */
  readonly name: string;
}

const widths = { least: 360, most: 880, first: 440, step: 24 } as const;
const clamp = (width: number): number => Math.max(widths.least, Math.min(widths.most, Math.round(width)));

/** The main part and, while something is selected, a right panel that can be made wider. On a narrow screen the panel covers. */
export function Split({ children, panel, name }: SplitProps) {
  const t = useKitMessages();
  const storageKey = `headrace.panel.${name}`;
  const [width, setWidth] = useState(() =>
    clamp(Number(localStorage.getItem(storageKey) ?? widths.first) || widths.first),
  );
  const drag = useRef<{ readonly x: number; readonly width: number }>(undefined);
  const remember = (next: number): void => {
    setWidth(next);
    localStorage.setItem(storageKey, String(next));
  };
  const begin = (event: PointerEvent<HTMLDivElement>): void => {
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { x: event.clientX, width };
  };
  const follow = (event: PointerEvent<HTMLDivElement>): void => {
    if (drag.current) remember(clamp(drag.current.width + drag.current.x - event.clientX));
  };
  const keys = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = event.key === "ArrowLeft" ? widths.step : event.key === "ArrowRight" ? -widths.step : 0;
    if (step !== 0) remember(clamp(width + step));
  };
  return (
    <div
      className={panel === undefined ? "split" : "split split-open"}
      style={{ "--panel-width": `${width}px` } as React.CSSProperties}
    >
      <div className="split-main">{children}</div>
      {panel === undefined ? null : (
        <>
          <div
            className="split-handle"
            role="separator"
            aria-orientation="vertical"
            aria-label={t("panel.resize")}
            aria-valuenow={width}
            aria-valuemin={widths.least}
            aria-valuemax={widths.most}
            tabIndex={0}
            onPointerDown={begin}
            onPointerMove={follow}
            onPointerUp={() => (drag.current = undefined)}
            onPointerCancel={() => (drag.current = undefined)}
            onKeyDown={keys}
          />
          <aside className="panel">{panel}</aside>
        </>
      )}
    </div>
  );
}
