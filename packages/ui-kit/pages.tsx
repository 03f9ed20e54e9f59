import type { ReactNode } from "react";
import { FilterBar, type FilterBarProps } from "./filter-bar.tsx";
import { Link, useParams } from "./navigation.tsx";

export interface ListPageProps {
  readonly title: string;
  readonly count?: string | undefined;
  readonly sentence?: ReactNode;
  readonly actions?: ReactNode;
  readonly filter?: FilterBarProps;
  /** At the right end of the filter bar: the column chooser. */
  readonly tools?: ReactNode;
  /** Selection: the bar at the bottom while rows are ticked. */
  readonly bulk?: ReactNode;
  readonly children: ReactNode;
}

/** Title and count, filter bar, and one table that fills the rest. */
export function ListPage({ title, count, sentence, actions, filter, tools, bulk, children }: ListPageProps) {
  return (
    <article className="page">
      <header className="page-head">
        <h1>
          {title} {count === undefined ? null : <span className="count">{count}</span>}
          <span className="actions">{actions}</span>
        </h1>
        {sentence === undefined ? null : <p className="page-sentence">{sentence}</p>}
      </header>
      {filter || tools ? (
        <div className="page-filter">
          {filter ? <FilterBar {...filter} /> : null}
          <span className="tools">{tools}</span>
        </div>
      ) : null}
      {children}
      {bulk}
    </article>
  );
}

export interface DetailPageProps {
  readonly mark: ReactNode;
  readonly name: string;
  /** One sentence: how is it, and why. */
  readonly sentence: ReactNode;
  /** The primary one last, at the right edge. */
  readonly actions?: ReactNode;
  readonly facts?: ReactNode;
  readonly tabs?: ReactNode;
  readonly children: ReactNode;
}

/** What is it, how is it, why is it so, what can I do: above the fold; then tabs. */
export function DetailPage({ mark, name, sentence, actions, facts, tabs, children }: DetailPageProps) {
  return (
    <article className="page">
      <header className="page-head detail-head">
        <h1>
          {mark}
          <code className="title">{name}</code>
          <span className="actions">{actions}</span>
        </h1>
        <p className="page-sentence">{sentence}</p>
        {facts}
      </header>
      {tabs}
      <div className="page-body">{children}</div>
    </article>
  );
}

export interface MissingPageProps {
  readonly title: string;
  readonly sentence: ReactNode;
  readonly back: { readonly to: string; readonly label: string };
  readonly children?: ReactNode;
}

/** What was asked for, why it is not here, and the way back. */
export function MissingPage({ title, sentence, back, children }: MissingPageProps) {
  return (
    <article className="page">
      <header className="page-head">
        <h1>{title}</h1>
        <p className="page-sentence">{sentence}</p>
        {children}
        <p>
          <Link to={back.to}>{back.label}</Link>
        </p>
      </header>
    </article>
  );
}

/** Which of the tabs the address names; the first if it names none. */
export function useTab<Name extends string>(names: readonly [Name, ...Name[]]): Name {
  const { tab } = useParams();
  return names.find((name) => name === tab) ?? names[0];
}

export interface TabsProps<Name extends string> {
  readonly label: string;
  readonly names: readonly [Name, ...Name[]];
  readonly current: Name;
  /** The address of the page, which is that of its first tab. */
  readonly path: string;
  /** The query string that they share. */
  readonly query?: string;
  readonly say: (name: Name) => string;
  readonly counts?: { readonly [name in Name]?: number | undefined };
}

/** Tabs are routes: each has an address. */
export function Tabs<Name extends string>({ label, names, current, path, query = "", say, counts }: TabsProps<Name>) {
  return (
    <nav className="tabs" aria-label={label}>
      {names.map((name) => (
        <Link
          key={name}
          to={`${path}${name === names[0] ? "" : `/${name}`}${query}`}
          replace
          aria-current={name === current ? "page" : undefined}
        >
          {say(name)}
          {counts?.[name] === undefined ? null : <span className="count">{counts[name]}</span>}
        </Link>
      ))}
    </nav>
  );
}

export interface SwitchOption<Value extends string> {
  readonly value: Value;
  readonly label: string;
}

/** One of a few views of the same thing. */
export function Switch<Value extends string>({
  options,
  value,
  onChange,
  label,
}: {
  readonly options: readonly SwitchOption<Value>[];
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly label: string;
}) {
  return (
    <div className="switch" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
