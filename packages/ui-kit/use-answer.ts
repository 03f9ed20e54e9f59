import { useCallback, useEffect, useRef, useState } from "react";

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

/**
 * The same for what changes while it is looked at and has no watch: asked anew when `stamp` is another one and when the
 * window comes back into view. What was answered stays until the next answer; a failure to refresh leaves it standing.
 */
export function useFreshAnswer<T>(
  key: string | undefined,
  stamp: string | number,
  ask: (signal: AbortSignal) => Promise<T>,
): Answer<T> & { retry(): void } {
  const [answer, setAnswer] = useState<Answer<T> & { readonly key?: string | undefined }>({ state: "loading" });
  const [round, setRound] = useState(0);
  const retry = useCallback(() => setRound((it) => it + 1), []);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (key === undefined) return undefined;
    const controller = new AbortController();
    const kept = (error: unknown) => (before: Answer<T> & { readonly key?: string | undefined }) =>
      before.state === "ready" && before.key === key ? before : ({ state: "failed", error, key } as const);
    latest.current(controller.signal).then(
      (value) => !controller.signal.aborted && setAnswer({ state: "ready", value, key }),
      (error: unknown) => !controller.signal.aborted && setAnswer(kept(error)),
    );
    return () => controller.abort();
    // `ask` is a fresh closure on each render; `key` and `stamp` say when it must be asked.
  }, [key, stamp, round]);
  useEffect(() => {
    const seen = (): void => {
      if (document.visibilityState === "visible") retry();
    };
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, [retry]);
  return answer.key === key ? { ...answer, retry } : { state: "loading", retry };
}
