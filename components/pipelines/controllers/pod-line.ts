import type { Clock } from "@headrace/model";

/** Pods of one run that may wait for a node at once. More than any node starts in a moment, fewer than anybody would feel. */
const maxWaiting = 250;
/** A pod that no node takes for so long gives up its place, so that it does not hold up those of its run that one would take. In milliseconds. */
const longestWaitMs = 30_000;

interface Line {
  /** Pods in line for a node, by name. */
  readonly waiting: Map<string, Disposable>;
  readonly later: { readonly pod: string; readonly make: () => void }[];
}

/**
 * Which pods of a run are made now, and which once earlier ones have found a node. A loop of ten thousand turns would fill memory with
 * pods that wait, and the scheduler with work before anybody else's; it goes no slower for making them as they are needed.
 */
export class PodLine {
  readonly #clock: Clock;
  readonly #lines = new Map<string, Line>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `make` at once, or as soon as there is room for the pod. It is called again for a pod that is in line already. */
  enter(run: string, pod: string, make: () => void): void {
    const line: Line = this.#lines.get(run) ?? { waiting: new Map(), later: [] };
    this.#lines.set(run, line);
    if (line.waiting.size < maxWaiting || line.waiting.has(pod)) this.#admit(run, line, { pod, make });
    else line.later.push({ pod, make });
  }

  /** The pod has a node, or will have none. */
  leave(run: string, pod: string): void {
    const line = this.#lines.get(run);
    const timer = line?.waiting.get(pod);
    if (!line || !timer) return;
    timer[Symbol.dispose]();
    line.waiting.delete(pod);
    const next = line.later.shift();
    if (next) this.#admit(run, line, next);
    else if (line.waiting.size === 0) this.#lines.delete(run);
  }

  clear(): void {
    for (const { waiting } of this.#lines.values()) for (const timer of waiting.values()) timer[Symbol.dispose]();
    this.#lines.clear();
  }

  #admit(run: string, { waiting }: Line, { pod, make }: { pod: string; make: () => void }): void {
    waiting.get(pod)?.[Symbol.dispose]();
    waiting.set(
      pod,
      this.#clock.after(longestWaitMs, () => this.leave(run, pod)),
    );
    make();
  }
}
