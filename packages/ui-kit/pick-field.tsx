import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Field, type FieldProps } from "./form.tsx";
import { formMessages } from "./form-messages.ts";
import { useMessages } from "./kit.tsx";
import { confirmed, entered, found, left, searched, untouched, type PickOption } from "./pick.ts";

export interface PickFieldProps extends Omit<FieldProps, "children"> {
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Undefined until they are there. */
  readonly options: readonly PickOption[] | undefined;
  /** Shown while nothing is chosen. */
  readonly placeholder: string;
  readonly disabled?: boolean;
}

const mostShown = 60;

/** One of many: the field is also the search. Arrows walk, Enter chooses, Escape leaves everything as it was. */
export function PickField({ value, onChange, options, placeholder, disabled = false, ...field }: PickFieldProps) {
  const t = useMessages(formMessages);
  const [pick, setPick] = useState(untouched);
  const list = useRef<HTMLDivElement>(null);
  const chosen = options?.find((option) => option.value === value);
  const matches = found(options ?? [], pick);
  const shown = matches.slice(0, mostShown);
  const { typed, isOpen, at } = pick;
  const choose = (option: PickOption): void => {
    onChange(option.value);
    setPick(untouched);
  };
  const confirm = (): void => {
    const next = confirmed(pick, options);
    if ("value" in next) choose(next);
    else setPick(next);
  };
  useEffect(() => {
    if (isOpen) list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, isOpen]);
  useEffect(() => {
    if (options !== undefined && pick.isAwaited) confirm();
  }, [options, pick.isAwaited]);
  const keys = (event: KeyboardEvent<HTMLInputElement>): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      if (!isOpen) setPick(entered(pick, options, value));
      else setPick({ ...pick, at: Math.max(0, Math.min(shown.length - 1, at + step)) });
    } else if (event.key === "Enter" && isOpen && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      confirm();
    } else if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      setPick(untouched);
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
            aria-expanded={isOpen}
            aria-controls={`${control.id}-options`}
            aria-activedescendant={isOpen && shown[at] ? `${control.id}-${at}` : undefined}
            disabled={disabled}
            value={typed ?? chosen?.label ?? value}
            placeholder={isOpen ? (chosen?.label ?? t("pick.search")) : placeholder}
            autoComplete="off"
            spellCheck={false}
            onFocus={() => setPick(entered(pick, options, value))}
            onBlur={() => setPick(left)}
            onClick={() => setPick(isOpen ? pick : entered(pick, options, value))}
            onChange={(event) => setPick(searched(event.target.value))}
            onKeyDown={keys}
          />
          {isOpen ? (
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
                  onMouseEnter={() => setPick({ ...pick, at: index })}
                  // The press comes before the field loses the focus and the list with it.
                  onPointerDown={(event) => {
                    event.preventDefault();
                    choose(option);
                  }}
                >
                  <span className="hit-label mono">{option.label}</span> <span className="faint">{option.detail}</span>
                </button>
              ))}
              {matches.length > shown.length ? (
                <p className="option muted">{t("pick.more", { count: matches.length - shown.length })}</p>
              ) : null}
              {matches.length === 0 ? (
                <p className="option muted">{t(options === undefined ? "pick.wait" : "pick.none")}</p>
              ) : null}
            </div>
          ) : null}
        </div>
      )}
    </Field>
  );
}
