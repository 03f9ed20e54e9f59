import { errorText, useKit, useMessages, type Kit, type SearchHit } from "@headrace/ui-kit";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { useNavigate } from "react-router";
import { shellMessages } from "./messages.ts";
import { navigation, pageSets } from "./pages.ts";

type Found = { readonly hits: readonly SearchHit[]; readonly text: string; readonly error?: unknown };

/** One search for everything that has a page. `/` comes here, arrows choose, Enter goes. */
export function SearchBox() {
  const t = useMessages(shellMessages);
  const kit = useKit();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [found, setFound] = useState<Found>({ hits: [], text: "" });
  const [at, setAt] = useState(0);
  /** Enter came before what it is to open was found. */
  const [isAwaited, setAwaited] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const wanted = text.trim();
    if (wanted === "") return setFound({ hits: [], text: "" });
    const controller = new AbortController();
    // A short rest between keys keeps half-typed words from the server.
    const timer = kit.clock.after(120, () => {
      search(kit, wanted, controller.signal).then(
        (hits) => !controller.signal.aborted && setFound({ hits, text: wanted }),
        (error: unknown) => !controller.signal.aborted && setFound({ hits: [], text: wanted, error }),
      );
      setAt(0);
    });
    return () => {
      timer[Symbol.dispose]();
      controller.abort();
    };
  }, [text, kit]);
  const isCurrent = found.text === text.trim();
  const close = (): void => {
    setText("");
    setAwaited(false);
    input.current?.blur();
  };
  const go = (hit: SearchHit | undefined): void => {
    if (!hit) return;
    void navigate(hit.path);
    close();
  };
  useEffect(() => {
    if (!isAwaited || !isCurrent) return;
    setAwaited(false);
    go(found.hits[0]);
  }, [isAwaited, isCurrent, found]);
  const keys = (event: KeyboardEvent<HTMLInputElement>): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setAt(Math.max(0, Math.min(found.hits.length - 1, at + step)));
    }
    if (event.key === "Enter" && isCurrent) go(found.hits[at]);
    else if (event.key === "Enter") setAwaited(true);
    if (event.key === "Escape") close();
  };
  const isOpen = text.trim() !== "" && found.text !== "";
  return (
    <div className="search">
      <input
        id="search"
        ref={input}
        type="search"
        role="combobox"
        aria-expanded={isOpen}
        aria-controls="search-hits"
        aria-activedescendant={isOpen ? `search-hit-${at}` : undefined}
        aria-label={t("search.label")}
        placeholder={t("search")}
        value={text}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => {
          setText(event.target.value);
          setAwaited(false);
        }}
        onKeyDown={keys}
      />
      <kbd aria-hidden>/</kbd>
      {isOpen ? (
        <div className="popover search-hits" id="search-hits" role="listbox" aria-label={t("search.label")}>
          {found.hits.map((hit, index) => (
            <button
              key={hit.path}
              id={`search-hit-${index}`}
              type="button"
              className="option"
              role="option"
              aria-selected={index === at}
              tabIndex={-1}
              onMouseEnter={() => setAt(index)}
              onClick={() => go(hit)}
            >
              <span className="hit-label">{hit.label}</span> <span className="faint">{hit.detail}</span>
            </button>
          ))}
          {found.hits.length === 0 ? (
            <p className="option muted">
              {found.error === undefined
                ? t("search.none", { text: found.text })
                : `${t("search.failed")}: ${errorText(found.error)}`}
            </p>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}

async function search(kit: Kit, text: string, signal: AbortSignal): Promise<readonly SearchHit[]> {
  const pages = navigation
    .filter((entry) => Object.values(entry.label).some((label) => label.toLowerCase().includes(text.toLowerCase())))
    .map((entry) => ({ path: entry.path, label: entry.label[kit.language], detail: "" }));
  const found = await Promise.all(pageSets.map((set) => set.search?.(text, kit, signal) ?? []));
  return [...pages, ...found.flat()].slice(0, 20);
}
