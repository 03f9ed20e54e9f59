import { useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { parseFilter, printFilter, printTerm, type FilterTerm } from "./filter.ts";
import { useKitMessages } from "./kit.tsx";

export interface FilterField {
  readonly name: string;
  readonly label: string;
  /** Values worth offering. */
  readonly values?: readonly string[];
}

export interface FilterBarProps {
  /** The whole filter as text; it lives in the URL. */
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly fields: readonly FilterField[];
  readonly placeholder: string;
}

/** Typed chips and a field for the rest. A finished term (`state:failed` and a blank) becomes a chip; backspace takes it back. */
export function FilterBar({ text, onChange, fields, placeholder }: FilterBarProps) {
  const t = useKitMessages();
  const [local, setLocal] = useState(() => split(text));
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  // The address follows the field a little later, so while somebody types the field is what counts.
  useEffect(() => {
    if (document.activeElement !== input.current) setLocal(split(text));
  }, [text]);

  const write = (terms: readonly FilterTerm[], rest: string): void => {
    const typed = parseFilter(rest);
    const finished = /\s$/.test(rest) ? typed.terms : [];
    const left = finished.length > 0 ? typed.words.join(" ") : rest;
    const all = [...terms, ...finished];
    setLocal({ terms: all, rest: left });
    // A term still being typed does not filter yet: half of a value would match nothing.
    onChange(printFilter({ terms: all, words: typed.words }));
  };
  const keyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "Enter") write(local.terms, `${local.rest} `);
    if (event.key === "Backspace" && local.rest === "") write(local.terms.slice(0, -1), "");
    if (event.key === "Escape") input.current?.blur();
  };

  return (
    <div className="filter-bar">
      {local.terms.map((term) => (
        <span className="chip" key={printTerm(term)}>
          <span className="faint">{fields.find((field) => field.name === term.field)?.label ?? term.field}</span>
          <b>
            {term.operator === ":" ? "" : `${term.operator === "!" ? "≠" : term.operator} `}
            {term.value}
          </b>
          <button
            type="button"
            aria-label={t("remove", { what: printTerm(term) })}
            onClick={() =>
              write(
                local.terms.filter((it) => it !== term),
                local.rest,
              )
            }
          >
            ×
          </button>
        </span>
      ))}
      <input
        ref={input}
        className="filter-field"
        type="search"
        role="searchbox"
        aria-label={t("filter.label")}
        placeholder={placeholder}
        value={local.rest}
        list={listId}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => write(local.terms, event.target.value)}
        onKeyDown={keyDown}
      />
      <datalist id={listId}>
        {fields.flatMap((field) =>
          (field.values ?? [""]).map((value) => (
            <option key={`${field.name}:${value}`} value={`${field.name}:${value} `} />
          )),
        )}
      </datalist>
    </div>
  );
}

function split(text: string): { readonly terms: readonly FilterTerm[]; readonly rest: string } {
  const filter = parseFilter(text);
  return { terms: filter.terms, rest: filter.words.join(" ") };
}
