import { useState } from "react";
import { ErrorPanel } from "./feedback.tsx";

export interface Action<Args extends readonly unknown[]> {
  readonly run: (...args: Args) => void;
  readonly busy: boolean;
  readonly failure: { readonly args: Args; readonly error: unknown } | undefined;
}

/** What a button does: one at a time, and how the last one failed. */
export function useAction<Args extends readonly unknown[]>(act: (...args: Args) => Promise<void>): Action<Args> {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Action<Args>["failure"]>();
  const run = (...args: Args): void => {
    setBusy(true);
    setFailure(undefined);
    act(...args)
      .catch((error: unknown) => setFailure({ args, error }))
      .finally(() => setBusy(false));
  };
  return { run, busy, failure };
}

/** Below the buttons, why what was pressed did not happen, and a way to press it again. */
export function ActionFailure<Args extends readonly unknown[]>({
  action: { run, failure },
  what,
}: {
  readonly action: Action<Args>;
  readonly what: (...args: Args) => string;
}) {
  if (failure === undefined) return null;
  return (
    <div className="action-failure">
      <ErrorPanel what={what(...failure.args)} error={failure.error} onRetry={() => run(...failure.args)} />
    </div>
  );
}
