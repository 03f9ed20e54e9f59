import { useCallback, useEffect, useState } from "react";

export type Answer<T> =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly value: T }
  | { readonly state: "failed"; readonly error: unknown };

/**
 * The outcome of asking once for something, and anew whenever `key` changes; an undefined key asks nothing. `ask` gets a
 * signal that aborts when the answer is no longer wanted.
 */
export function useAnswer<T>(
  key: string | undefined,
  ask: (signal: AbortSignal) => Promise<T>,
): Answer<T> & { retry(): void } {
  const [answer, setAnswer] = useState<Answer<T>>({ state: "loading" });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (key === undefined) return undefined;
    const controller = new AbortController();
    setAnswer({ state: "loading" });
    ask(controller.signal).then(
      (value) => !controller.signal.aborted && setAnswer({ state: "ready", value }),
      (error: unknown) => !controller.signal.aborted && setAnswer({ state: "failed", error }),
    );
    return () => controller.abort();
    // `ask` is a fresh closure on each render; `key` says when its question is another one.
  }, [key, round]);
  return { ...answer, retry: useCallback(() => setRound((it) => it + 1), []) };
}
