import { useKit, useKitMessages, useMessages } from "@headrace/ui-kit";
import { useEffect, useRef } from "react";
import { shellMessages } from "./messages.ts";
import { navigation } from "./pages.ts";

/** Every key, in one floating list. */
export function KeyboardHelp({ onClose }: { readonly onClose: () => void }) {
  const t = useMessages(shellMessages);
  const kit = useKitMessages();
  const { language } = useKit();
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), []);
  const keys: readonly (readonly [string, string])[] = [
    ["/", t("keys.search")],
    ...navigation.map((entry) => [`g ${entry.key}`, t("keys.go", { page: entry.label[language] })] as const),
    ["↑ ↓ ← →", t("keys.rows")],
    ["Enter", t("keys.open")],
    ["[ ]", t("keys.turn")],
    ["f", t("keys.fit")],
    ["+ −", t("keys.zoom")],
    ["Esc", t("keys.close")],
    ["?", t("keys.help")],
  ];
  return (
    <div
      className="help popover"
      role="region"
      aria-label={t("keys")}
      onKeyDown={(event) => event.key === "Escape" && onClose()}
    >
      <header>
        <h2>{t("keys")}</h2>
        <button ref={close} type="button" className="quiet" aria-label={kit("close")} onClick={onClose}>
          ×
        </button>
      </header>
      <dl>
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
