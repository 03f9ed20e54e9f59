import { useEffect, useId, useRef, type KeyboardEvent, type ReactNode } from "react";
import { ErrorPanel } from "./feedback.tsx";
import { formMessages } from "./form-messages.ts";
import { useMessages } from "./kit.tsx";
import { Link } from "./navigation.tsx";

export interface FormPageProps {
  readonly title: string;
  readonly sentence?: ReactNode;
  /** What the button says: a verb. */
  readonly verb: string;
  readonly busy: boolean;
  readonly onSubmit: () => void;
  /** Where "Cancel" leads. */
  readonly back: string;
  /** Why the last attempt failed. */
  readonly failure?: { readonly what: string; readonly error: unknown } | undefined;
  /** Stands at the right: what will be sent, and how to do the same from code. */
  readonly preview?: ReactNode;
  readonly children: ReactNode;
}

/** One column, and at its right a live preview. Ctrl-Enter submits from anywhere on the page. */
export function FormPage(props: FormPageProps) {
  const { title, sentence, verb, busy, onSubmit, back, failure, preview, children } = props;
  const t = useMessages(formMessages);
  const form = useRef<HTMLFormElement>(null);
  useSubmitKey(() => form.current?.requestSubmit());
  return (
    <article className="page">
      <header className="page-head">
        <h1>{title}</h1>
        {sentence === undefined ? null : <p className="page-sentence">{sentence}</p>}
      </header>
      <div className={preview === undefined ? "form-page" : "form-page form-page-preview"}>
        <form
          ref={form}
          className="form"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) onSubmit();
          }}
        >
          {children}
          {failure === undefined ? null : <Failure {...failure} />}
          <footer className="form-end">
            <button type="submit" className="primary" disabled={busy}>
              {verb}
            </button>
            <Link className="button-link muted" to={back}>
              {t("cancel")}
            </Link>
            <kbd className="wide-only">{t("submitKeys")}</kbd>
          </footer>
        </form>
        {preview === undefined ? null : <aside className="form-preview">{preview}</aside>}
      </div>
    </article>
  );
}

/** Why it failed, brought into view: the form may be longer than the window. */
function Failure({ what, error }: { readonly what: string; readonly error: unknown }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.scrollIntoView({ block: "nearest" });
  }, [error]);
  return (
    <div className="form-failure" ref={place}>
      <ErrorPanel what={what} error={error} />
    </div>
  );
}

function useSubmitKey(submit: () => void): void {
  const latest = useRef(submit);
  latest.current = submit;
  useEffect(() => {
    const listen = (event: globalThis.KeyboardEvent): void => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      latest.current();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

/** Parts of a form that belong together, under a small heading. */
export function FormSection({
  title,
  tools,
  children,
}: {
  readonly title: string;
  readonly tools?: ReactNode;
  readonly children: ReactNode;
}) {
  const id = useId();
  return (
    <section className="form-section" aria-labelledby={id}>
      <h2 id={id}>
        {title}
        {tools === undefined ? null : <span className="actions">{tools}</span>}
      </h2>
      {children}
    </section>
  );
}

/** What a control must carry so that its label, help and error are read out with it. */
export interface ControlProps {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": true | undefined;
}

export interface FieldProps {
  readonly label: ReactNode;
  /** At the right of the label: the type, a way back to the default. */
  readonly note?: ReactNode;
  readonly help?: ReactNode;
  /** Stands in place of the help. */
  readonly error?: string | undefined;
  readonly optional?: boolean;
  readonly children: (control: ControlProps) => ReactNode;
}

/** Label above, control, help below, and the error in place of the help. */
export function Field({ label, note, help, error, optional = false, children }: FieldProps) {
  const t = useMessages(formMessages);
  const id = useId();
  const below = error ?? help;
  return (
    <div className="field">
      <div className="field-label">
        <label htmlFor={id}>{label}</label>
        {optional ? <span className="faint">{t("optional")}</span> : null}
        {note === undefined ? null : <span className="field-note">{note}</span>}
      </div>
      {children({
        id,
        "aria-describedby": below === undefined ? undefined : `${id}-help`,
        "aria-invalid": error === undefined ? undefined : true,
      })}
      {below === undefined ? null : (
        <p
          id={`${id}-help`}
          className={error === undefined ? "field-help" : "field-error"}
          role={error === undefined ? undefined : "alert"}
        >
          {below}
        </p>
      )}
    </div>
  );
}

export interface TextFieldProps extends Omit<FieldProps, "children"> {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string | undefined;
  /** More than one makes it an area of that many lines, which grows with its text. */
  readonly lines?: number;
  /** For names, ids and values. */
  readonly mono?: boolean;
  readonly autoFocus?: boolean;
  /** Values worth offering. */
  readonly offers?: readonly string[];
  readonly type?: "text" | "url" | "datetime-local";
  readonly inputMode?: "numeric" | "decimal";
}

export function TextField(props: TextFieldProps) {
  const { value, onChange, placeholder, lines = 1, mono = false, offers, type = "text", inputMode, autoFocus } = props;
  const className = mono ? "mono" : undefined;
  const listId = useId();
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (autoFocus === true) first.current?.focus();
  }, [autoFocus]);
  return (
    <Field {...props}>
      {(control) =>
        lines > 1 ? (
          <textarea
            {...control}
            className={className}
            rows={Math.max(lines, Math.min(16, value.split("\n").length))}
            value={value}
            placeholder={placeholder}
            spellCheck={!mono}
            onChange={(event) => onChange(event.target.value)}
          />
        ) : (
          <>
            <input
              {...control}
              ref={first}
              type={type}
              className={className}
              value={value}
              placeholder={placeholder}
              inputMode={inputMode}
              autoComplete="off"
              spellCheck={false}
              list={offers ? listId : undefined}
              onChange={(event) => onChange(event.target.value)}
            />
            {offers ? (
              <datalist id={listId}>
                {offers.map((offer) => (
                  <option key={offer} value={offer} />
                ))}
              </datalist>
            ) : null}
          </>
        )
      }
    </Field>
  );
}

export interface SelectOption {
  readonly value: string;
  readonly label: string;
}

export function SelectField({
  value,
  onChange,
  options,
  mono = false,
  ...field
}: Omit<FieldProps, "children"> & {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly options: readonly SelectOption[];
  readonly mono?: boolean;
}) {
  return (
    <Field {...field}>
      {(control) => (
        <select
          {...control}
          className={mono ? "mono" : undefined}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** One box with its sentence beside it. */
export function CheckField({
  label,
  help,
  checked,
  onChange,
}: {
  readonly label: string;
  readonly help?: ReactNode;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}) {
  const id = useId();
  return (
    <div className="field field-check">
      <label htmlFor={id}>
        <input id={id} type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} /> {label}
      </label>
      {help === undefined ? null : <p className="field-help">{help}</p>}
    </div>
  );
}

export interface Pair {
  readonly key: string;
  readonly value: string;
}

/** Keys with values, one line each; an empty last line takes the next. */
export function PairsField({
  pairs,
  onChange,
  keyLabel,
  valueLabel,
  ...field
}: Omit<FieldProps, "children"> & {
  readonly pairs: readonly Pair[];
  readonly onChange: (pairs: readonly Pair[]) => void;
  readonly keyLabel: string;
  readonly valueLabel: string;
}) {
  const rows = [...pairs, { key: "", value: "" }];
  const set = (index: number, change: Partial<Pair>): void =>
    onChange(rows.map((row, at) => (at === index ? { ...row, ...change } : row)).filter(isFilled));
  const leave = (event: KeyboardEvent<HTMLInputElement>): void => {
    // Enter goes to the next field: it must not send the whole form.
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const inputs = [...(event.currentTarget.closest(".pairs")?.querySelectorAll("input") ?? [])];
    inputs[inputs.indexOf(event.currentTarget) + 1]?.focus();
  };
  return (
    <Field {...field}>
      {({ id, ...described }) => (
        <div className="pairs" id={id} role="group" {...described}>
          {rows.map((row, index) => (
            // oxlint-disable-next-line react/no-array-index-key -- a pair that is being typed has no other identity
            <div className="pair" key={index}>
              <input
                type="text"
                className="mono"
                aria-label={keyLabel}
                placeholder={keyLabel}
                value={row.key}
                onChange={(event) => set(index, { key: event.target.value })}
                onKeyDown={leave}
              />
              <input
                type="text"
                className="mono"
                aria-label={valueLabel}
                placeholder={valueLabel}
                value={row.value}
                onChange={(event) => set(index, { value: event.target.value })}
                onKeyDown={leave}
              />
            </div>
          ))}
        </div>
      )}
    </Field>
  );
}

const isFilled = ({ key, value }: Pair): boolean => key !== "" || value !== "";
