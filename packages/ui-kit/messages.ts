/** Languages of the pages. A catalogue has every key in each of them; the compiler and a test see to it. */
export const languages = ["en", "zh"] as const;
export type Language = (typeof languages)[number];

export type Messages<Key extends string = string> = Readonly<Record<Language, Readonly<Record<Key, string>>>>;

export type MessageValues = Readonly<Record<string, string | number>>;

/**
 * Declares a catalogue. A message may hold `{name}`, replaced by the value of that name, and `{count|step|steps}`, which is
 * the second form when `count` is 1 and the third otherwise. Text between backticks is shown in code type.
 */
export function defineMessages<const Key extends string>(messages: {
  readonly en: Readonly<Record<Key, string>>;
  readonly zh: Readonly<Record<NoInfer<Key>, string>>;
}): Messages<Key> {
  return messages;
}

export type Translate<Key extends string> = (key: Key, values?: MessageValues) => string;

export function translator<Key extends string>(messages: Messages<Key>, language: Language): Translate<Key> {
  const texts = messages[language];
  return (key, values = {}) => fill(texts[key], values);
}

function fill(text: string, values: MessageValues): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (one !== undefined && many !== undefined) return value === 1 ? one : many;
    return String(value);
  });
}

/** Placeholders that a message names; both languages must name the same ones. */
export function placeholders(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/\{(\w+)/g)].map((match) => match[1] ?? ""))].sort();
}

/** The best of our languages for a browser's preferences, such as `["zh-CN", "en"]`. */
export function chooseLanguage(preferences: readonly string[]): Language {
  for (const preference of preferences) {
    const found = languages.find((language) => preference.toLowerCase().startsWith(language));
    if (found) return found;
  }
  return "en";
}
