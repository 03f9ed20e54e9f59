export interface PickOption {
  readonly value: string;
  readonly label: string;
  /** Faint, at the right. */
  readonly detail?: string | undefined;
}

/** What goes on in a field that is a search and a choice. */
export interface Pick {
  /** What is looked for; undefined where nobody is looking. */
  readonly typed: string | undefined;
  readonly isOpen: boolean;
  /** Which of what is found Enter chooses. */
  readonly at: number;
  /** Enter came before the options: the first that matches is chosen when they are there. */
  readonly isAwaited: boolean;
}

export const untouched: Pick = { typed: undefined, isOpen: false, at: 0, isAwaited: false };

/** What was looked for and not chosen yet is still looked for. */
export function entered(pick: Pick, options: readonly PickOption[] = [], value = ""): Pick {
  if (pick.typed !== undefined && pick.typed !== "") return { ...pick, isOpen: true };
  const at = options.findIndex((option) => option.value === value);
  return { ...untouched, typed: "", isOpen: true, at: Math.max(0, at) };
}

/** Leaves everything as it was, but for what waits for its options. */
export const left = (pick: Pick): Pick => (pick.isAwaited ? { ...pick, isOpen: false } : untouched);

export const searched = (typed: string): Pick => ({ ...untouched, typed, isOpen: true });

export function found(options: readonly PickOption[], { typed = "" }: Pick): readonly PickOption[] {
  const needle = typed.trim().toLowerCase();
  return needle === "" ? options : options.filter(({ label }) => label.toLowerCase().includes(needle));
}

/** Enter: the option that it chooses, or how the search goes on: nothing that was typed is lost for having no match, or none yet. */
export function confirmed(pick: Pick, options: readonly PickOption[] | undefined): PickOption | Pick {
  if (options === undefined) return { ...pick, isAwaited: (pick.typed ?? "").trim() !== "" };
  return found(options, pick)[pick.at] ?? { ...pick, isAwaited: false };
}
