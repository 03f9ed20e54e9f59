import { chooseLanguage, languages, type Language } from "@headrace/ui-kit/portable";

/** What a reader chose once and finds again: kept in the browser. */
export interface Preferences {
  readonly theme: Theme;
  readonly language: Language;
  /** Empty for all namespaces. */
  readonly namespace: string;
}

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const storageKey = (name: keyof Preferences): string => `headrace.${name}`;

export function readPreferences(storage: Pick<Storage, "getItem">, browserLanguages: readonly string[]): Preferences {
  const stored = storage.getItem(storageKey("language"));
  return {
    theme: themes.find((theme) => theme === storage.getItem(storageKey("theme"))) ?? "system",
    language: languages.find((language) => language === stored) ?? chooseLanguage(browserLanguages),
    namespace: storage.getItem(storageKey("namespace")) ?? "",
  };
}

export function writePreference(storage: Pick<Storage, "setItem">, name: keyof Preferences, value: string): void {
  storage.setItem(storageKey(name), value);
}
