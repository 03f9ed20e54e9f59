import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

export interface PopoverProps {
  /** What stands on the button that opens it. */
  readonly label: ReactNode;
  /** Look of that button. */
  readonly look: "quiet" | "box";
  readonly align?: "left" | "right";
  readonly onOpen?: () => void;
  /** Gets a function that closes it and gives the focus back to the button. */
  readonly children: (close: () => void) => ReactNode;
}

/** A floating list below its button. Closes with Escape, with a press elsewhere, and when something in it was chosen. */
export function Popover({ label, look, align = "left", onOpen, children }: PopoverProps) {
  const [open, setOpen] = useState(false);
  const host = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const press = (event: PointerEvent): void => {
      if (event.target instanceof Node && host.current?.contains(event.target) !== true) setOpen(false);
    };
    document.addEventListener("pointerdown", press);
    return () => document.removeEventListener("pointerdown", press);
  }, [open]);
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  const keys = (event: KeyboardEvent<HTMLDivElement>): void => {
    if (event.key === "Escape" && open) {
      event.stopPropagation();
      close();
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && open && moveFocus(host.current, step)) event.preventDefault();
  };
  return (
    <div className="popover-host" ref={host} onKeyDown={keys}>
      <button
        ref={button}
        type="button"
        className={look}
        aria-expanded={open}
        onClick={() => {
          if (!open) onOpen?.();
          setOpen(!open);
        }}
      >
        {label}
      </button>
      {open ? <div className={align === "right" ? "popover popover-right" : "popover"}>{children(close)}</div> : null}
    </div>
  );
}

/** To the next thing in the list that takes the focus; false if there is none. */
function moveFocus(host: HTMLElement | null, step: number): boolean {
  const items = [...(host?.querySelectorAll<HTMLElement>(".popover button, .popover input") ?? [])];
  const next = items[items.findIndex((item) => item === document.activeElement) + step];
  next?.focus();
  return next !== undefined;
}
