import { useKitMessages } from "@headrace/ui-kit";
import type { ReactNode } from "react";

/** The line above a panel beside a page: what it shows, what can be done with that, and a way back. */
export function PanelHead({
  children,
  tools,
  closeTitle,
  onClose,
}: {
  readonly children: ReactNode;
  readonly tools?: ReactNode;
  readonly closeTitle?: string;
  readonly onClose: () => void;
}) {
  const kit = useKitMessages();
  return (
    <header className="panel-head">
      {children}
      <span className="grow" />
      {tools}
      <button
        type="button"
        className="quiet"
        aria-label={kit("close")}
        title={closeTitle ?? kit("close")}
        onClick={onClose}
      >
        ×
      </button>
    </header>
  );
}
