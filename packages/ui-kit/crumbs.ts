export interface Crumb {
  readonly label: string;
  /** Path of the page it leads to; the last crumb has none. */
  readonly to?: string;
  /** True for the name of an object, shown in code type. */
  readonly name?: boolean;
}

/** Where the page on the screen stands; the shell shows it, the page says it. */
export class CrumbTrail {
  readonly #listeners = new Set<() => void>();
  #crumbs: readonly Crumb[] = [];

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly crumbs = (): readonly Crumb[] => this.#crumbs;

  set(crumbs: readonly Crumb[]): void {
    if (JSON.stringify(crumbs) === JSON.stringify(this.#crumbs)) return;
    this.#crumbs = crumbs;
    for (const listener of this.#listeners) listener();
  }
}
