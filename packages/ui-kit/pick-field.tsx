import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Field, type FieldProps } from "./form.tsx";
import { formMessages } from "./form-messages.ts";
import { useMessages } from "./kit.tsx";

export interface PickOption {
  readonly value: string;
  readonly label: string;
  /** Faint, at the right. */
  readonly detail?: string | undefined;
}

export interface PickFieldProps extends Omit<FieldProps, "children"> {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly options: readonly PickOption[];
  /** Shown while nothing is chosen. */
  readonly placeholder: string;
  readonly disabled?: boolean;
}

const mostShown = 60;

/** One of many: the field is also the search. Arrows walk, Enter chooses, Escape leaves everything as it was. */
export function PickField({ value, onChange, options, placeholder, disabled = false, ...field }: PickFieldProps) {
  const t = useMessages(formMessages);
  const [search, setSearch] = useState<string>();
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const chosen = options.find((option) => option.value === value);
  const needle = search?.trim().toLowerCase() ?? "";
  const found = needle === "" ? options : options.filter(({ label }) => label.toLowerCase().includes(needle));
  const shown = found.slice(0, mostShown);
  const open = search !== undefined;
  const close = (): void => setSearch(undefined);
  const choose = (option: PickOption | undefined): void => {
    if (option) onChange(option.value);
    close();
  };
  useEffect(() => {
    if (open) list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, open]);
  const keys = (event: KeyboardEvent<HTMLInputElement>): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      if (!open) setSearch("");
      else setAt(Math.max(0, Math.min(shown.length - 1, at + step)));
    } else if (event.key === "Enter" && open && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      choose(shown[at]);
    } else if (event.key === "Escape" && open) {
      event.stopPropagation();
      close();
    }
  };
  return (
    <Field {...field}>
      {(control) => (
        <div className="pick">
          <input
            {...control}
            type="text"
            role="combobox"
            className="mono"
            aria-expanded={open}
            aria-controls={`${control.id}-options`}
            aria-activedescendant={open && shown[at] ? `${control.id}-${at}` : undefined}
            disabled={disabled}
            value={search ?? chosen?.label ?? value}
            placeholder={open ? (chosen?.label ?? t("pick.search")) : placeholder}
            autoComplete="off"
            spellCheck={false}
            onFocus={() => {
              setSearch("");
              setAt(
                Math.max(
                  0,
                  options.findIndex((option) => option.value === value),
                ),
              );
            }}
            onBlur={close}
            onClick={() => setSearch(search ?? "")}
            onChange={(event) => {
              setSearch(event.target.value);
              setAt(0);
            }}
            onKeyDown={keys}
          />
          {open ? (
            <div className="popover pick-options" id={`${control.id}-options`} role="listbox" ref={list}>
              {shown.map((option, index) => (
                <button
                  key={option.value}
                  id={`${control.id}-${index}`}
                  type="button"
                  role="option"
                  tabIndex={-1}
                  className="option"
                  aria-selected={index === at}
                  onMouseEnter={() => setAt(index)}
                  // The press comes before the field loses the focus and the list with it.
                  onPointerDown={(event) => {
                    event.preventDefault();
                    choose(option);
                  }}
                >
                  <span className="hit-label mono">{option.label}</span> <span className="faint">{option.detail}</span>
                </button>
              ))}
              {found.length > shown.length ? (
                <p className="option muted">{t("pick.more", { count: found.length - shown.length })}</p>
              ) : null}
              {found.length === 0 ? <p className="option muted">{t("pick.none")}</p> : null}
            </div>
          ) : null}
        </div>
      )}
    </Field>
  );
}
