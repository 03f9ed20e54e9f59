import type { ComponentType } from "react";
import { Link, useNavigate, useParams, useSearchParams } from "react-router";
import type { Kit } from "./kit.tsx";
import type { Language } from "./messages.ts";

export { Link, useNavigate, useParams };

export const navigationGroups = ["build", "train", "serve", "data", "platform"] as const;
export type NavigationGroup = (typeof navigationGroups)[number];

export interface NavigationEntry {
  readonly group: NavigationGroup;
  readonly label: Readonly<Record<Language, string>>;
  readonly path: string;
  /** Pressed after `g` goes there. */
  readonly key: string;
  /** True for the page that opens when no other is asked for. */
  readonly home?: true;
  /** Beginnings of other addresses that belong to this entry. */
  readonly covers?: readonly string[];
}

export interface PageRoute {
  readonly path: string;
  /** The page's code arrives with its first visit. */
  readonly load: () => Promise<ComponentType>;
}

export interface SearchHit {
  readonly path: string;
  readonly label: string;
  readonly detail: string;
}

/** What a component gives to the dashboard; the shell has an ordered array of these and knows nothing else of them. */
export interface PageSet {
  readonly name: string;
  readonly navigation: readonly NavigationEntry[];
  readonly routes: readonly PageRoute[];
  readonly search?: (text: string, kit: Kit, signal: AbortSignal) => Promise<readonly SearchHit[]>;
  /** A small live summary in the top bar. */
  readonly summary?: ComponentType;
}

/** One item of the page's query string, and how to set it; an empty value removes it. Replaces the history entry. */
export function useQueryItem(name: string): readonly [string, (value: string) => void] {
  const [query, setQuery] = useSearchParams();
  const set = (value: string): void =>
    setQuery(
      (before) => {
        const after = new URLSearchParams(before);
        if (value === "") after.delete(name);
        else after.set(name, value);
        return after;
      },
      { replace: true },
    );
  return [query.get(name) ?? "", set];
}

/** The query string that goes with a link to a neighbouring tab of the same page. */
export function useQueryString(): string {
  const [query] = useSearchParams();
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
