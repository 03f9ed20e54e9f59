import { useMemo, useRef } from "react";
import { useScrollView } from "./table.tsx";
import { rowWindow } from "./window.ts";

/** A text of any length with numbered lines: only those on the screen exist. */
export function TextView({ text, label }: { readonly text: string; readonly label: string }) {
  const lines = useMemo(() => text.replace(/\n$/, "").split("\n"), [text]);
  const scroller = useRef<HTMLDivElement>(null);
  const view = useScrollView(scroller, "--text-line");
  const visible = rowWindow(lines.length, view.rowHeight, view.top, view.height);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keys
    <div className="text-view" ref={scroller} tabIndex={0} role="region" aria-label={label}>
      <div style={{ height: visible.before }} />
      <pre>
        {lines.slice(visible.start, visible.end).map((line, offset) => (
          <span className="text-line" key={visible.start + offset} data-line={visible.start + offset + 1}>
            {line}
            {"\n"}
          </span>
        ))}
      </pre>
      <div style={{ height: visible.after }} />
    </div>
  );
}
