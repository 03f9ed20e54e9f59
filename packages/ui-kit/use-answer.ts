import { useCallback, useEffect, useRef, useState } from "react";
import { RequestError } from "./errors.ts";
import { useKit } from "./kit.tsx";

export type Answer<T> =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly value: T }
  | { readonly state: "failed"; readonly error: unknown };

/** An answer for which can be asked again. */
export type Asked<T> = Answer<T> & { retry(): void };

/**
 * The outcome of asking once for something, and anew whenever `key` changes; an undefined key asks nothing. `ask` gets a
 * signal that aborts when the answer is no longer wanted.
 */
export function useAnswer<T>(key: string | undefined, ask: (signal: AbortSignal) => Promise<T>): Asked<T> {
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

/** Changes come in bursts: the page waits for so long before it asks anew. */
const restMs = 150;

/**
 * The same for what changes while it is looked at and has no watch: asked anew when `stamp` is another one and when the
 * window comes back into view. What was answered stays until the next answer; a failure to refresh leaves it standing,
 * unless it says that there is no such thing any more. While `stamp` is undefined nothing is refreshed: whoever is about
 * to delete the thing and leave need not hear that it has gone.
 */
export function useFreshAnswer<T>(
  key: string | undefined,
  stamp: string | number | undefined,
  ask: (signal: AbortSignal) => Promise<T>,
): Asked<T> {
  const { clock } = useKit();
  const [answer, setAnswer] = useState<Answer<T> & { readonly key?: string }>({ state: "loading" });
  const [round, setRound] = useState(0);
  const retry = useCallback(() => setRound((it) => it + 1), []);
  const latest = useRef({ ask, answer });
  latest.current = { ask, answer };
  useEffect(() => {
    if (key === undefined) return undefined;
    const isRefresh = latest.current.answer.state === "ready" && latest.current.answer.key === key;
    if (isRefresh && stamp === undefined) return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    const fail = (error: unknown): void =>
      setAnswer((before) =>
        before.state === "ready" && before.key === key && !isGone(error) ? before : { state: "failed", error, key },
      );
    const send = (): void => {
      latest.current.ask(signal).then(
        (value) => !signal.aborted && setAnswer({ state: "ready", value, key }),
        (error: unknown) => !signal.aborted && fail(error),
      );
    };
    const rest = isRefresh ? clock.after(restMs, send) : undefined;
    if (!isRefresh) send();
    return () => {
      rest?.[Symbol.dispose]();
      controller.abort();
    };
    // `ask` is a fresh closure on each render; `key` and `stamp` say when it must be asked.
  }, [key, stamp, round, clock]);
  useEffect(() => {
    const seen = (): void => {
      if (document.visibilityState === "visible") retry();
    };
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  }, [retry]);
  return answer.key === key ? { ...answer, retry } : { state: "loading", retry };
}

const isGone = (error: unknown): boolean => error instanceof RequestError && error.status === 404;
