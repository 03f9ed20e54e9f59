import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import { ErrorPanel } from "./feedback.tsx";
import { formMessages } from "./form-messages.ts";
import { useMessages } from "./kit.tsx";
import { Sentence } from "./text.tsx";

export interface ConfirmDialogProps {
  /** The question. */
  readonly title: string;
  /** What would be lost, and what stays. */
  readonly children: ReactNode;
  /** On the button: a verb. */
  readonly verb: string;
  /** True for what can be taken back, if only piece by piece. */
  readonly mild?: boolean;
  /** Where data is lost, the name that must be typed first. */
  readonly typed?: string | undefined;
  /** Resolves when it is done; what it throws is shown, and the question stays. */
  readonly onConfirm: () => Promise<void>;
  readonly onClose: () => void;
}

/** The one modal question: this cannot be undone. Escape and "Cancel" leave everything as it was. */
export function ConfirmDialog({ title, children, verb, mild = false, typed, onConfirm, onClose }: ConfirmDialogProps) {
  const t = useMessages(formMessages);
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={id} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <h2 id={id}>
          <Sentence text={title} />
        </h2>
        <div className="dialog-body">{children}</div>
        {typed === undefined ? null : (
          <label className="field">
            <span>
              <Sentence text={t("confirm.type", { name: `\`${typed}\`` })} />
            </span>
            <input
              type="text"
              className="mono"
              value={text}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
        )}
        {error === undefined ? null : <ErrorPanel what={verb} error={error} />}
        <footer className="dialog-end">
          <button type="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button
            type="submit"
            className={mild ? "primary" : "danger"}
            disabled={busy || (typed !== undefined && text !== typed)}
          >
            {verb}
          </button>
        </footer>
      </form>
    </dialog>
  );
}
