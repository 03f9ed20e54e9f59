import { useMessages, useQueryItem } from "@headrace/ui-kit";
import { useMemo, useRef, type KeyboardEvent, type ReactNode } from "react";
import { pipelineMessages } from "./messages.ts";
import { flatten, isGroup, type RunNode } from "./run-tree.ts";

export interface StepSearch {
  /** Keys of the steps whose name holds what is looked for; undefined while nobody looks. */
  readonly found: ReadonlySet<string> | undefined;
  readonly field: ReactNode;
  /** `/` anywhere in the views goes to the field. */
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

/** One search for all views of a run's steps; Enter goes from one to the next. */
export function useStepSearch(
  tree: RunNode,
  selected: string | undefined,
  onSelect: (key: string | undefined) => void,
): StepSearch {
  const t = useMessages(pipelineMessages);
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useQueryItem("find");
  const found = useMemo(() => (text === "" ? undefined : new Set(findSteps(tree, text))), [tree, text]);
  const next = (step: 1 | -1): void => {
    const keys = [...(found ?? [])];
    const at = selected === undefined ? -1 : keys.indexOf(selected);
    const to = at === -1 && step === -1 ? keys.length - 1 : (at + step + keys.length) % Math.max(1, keys.length);
    onSelect(keys[to]);
  };
  const field = (
    <>
      <input
        ref={input}
        type="search"
        className="graph-search"
        placeholder={t("find.step")}
        aria-label={t("find.step")}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") next(event.shiftKey ? -1 : 1);
          else if (event.key === "Escape") setText("");
          else return;
          event.preventDefault();
        }}
      />
      {found ? <span className="faint number">{t("find.count", { count: found.size })}</span> : null}
    </>
  );
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    // The page has a search of its own for the same key.
    event.stopPropagation();
    input.current?.focus();
  };
  return { found, field, onKeyDown };
}

function findSteps(tree: RunNode, text: string): readonly string[] {
  const wanted = text.toLowerCase();
  return flatten(tree).flatMap(({ node }) =>
    !isGroup(node) && `${node.label} ${node.name}`.toLowerCase().includes(wanted) ? [node.key] : [],
  );
}
