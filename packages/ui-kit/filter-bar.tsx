import { useId, useRef, useState, type KeyboardEvent } from "react";
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
  const filter = parseFilter(text);
  const words = filter.words.join(" ");
  const [draft, setDraft] = useState({ words, text: words });
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  // The URL may change under the field (back button, a chip removed elsewhere): then the field follows it.
  const shown = draft.words === words ? draft.text : words;

  const write = (terms: readonly FilterTerm[], rest: string): void => {
    const typed = parseFilter(rest);
    const finished = /\s$/.test(rest) || rest === "" ? typed.terms : [];
    const left = finished.length > 0 ? typed.words.join(" ") : rest;
    const leftWords = parseFilter(left).words;
    const pending = finished.length > 0 ? [] : typed.terms;
    setDraft({ words: leftWords.join(" "), text: left });
    onChange(printFilter({ terms: [...terms, ...finished], words: pending.length > 0 ? [] : leftWords }));
  };
  const keyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === "Enter") write(filter.terms, `${shown} `);
    if (event.key === "Backspace" && shown === "") write(filter.terms.slice(0, -1), "");
    if (event.key === "Escape") input.current?.blur();
  };

  return (
    <div className="filter-bar">
      {filter.terms.map((term) => (
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
                filter.terms.filter((it) => it !== term),
                shown,
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
        value={shown}
        list={listId}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => write(filter.terms, event.target.value)}
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
