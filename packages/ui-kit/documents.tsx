import { use, useMemo, useState } from "react";
import { useKitMessages } from "./kit.tsx";

/** Markdown of a stranger: parsed, then everything that could run or load is taken out. The parser arrives with its first use. */
export function Markdown({ text }: { readonly text: string }) {
  const { render } = use(loadMarkdown());
  const html = useMemo(() => render(text), [render, text]);
  // oxlint-disable-next-line react/no-danger -- `render` has sanitised it
  return <div className="markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}

let loaded: Promise<{ readonly render: (text: string) => string }> | undefined;

const loadMarkdown = () => (loaded ??= import("./markdown.ts").then((module) => ({ render: module.renderMarkdown })));

/**
 * HTML of a stranger: an origin of its own, no forms, no pop-ups, no way out of the frame. Its scripts may draw, as charts
 * do, unless the reader forbids it; that they may call nobody is in the policy that the server sends with it.
 */
export function HtmlFrame({ address }: { readonly address: string }) {
  const t = useKitMessages();
  const [scripts, setScripts] = useState(() => localStorage.getItem(scriptsKey) !== "off");
  const choose = (on: boolean): void => {
    localStorage.setItem(scriptsKey, on ? "on" : "off");
    setScripts(on);
  };
  const still = `${address}${address.includes("?") ? "&" : "?"}scripts=off`;
  return (
    <div className="html-document">
      <label className="check faint">
        <input type="checkbox" checked={scripts} onChange={(event) => choose(event.target.checked)} />{" "}
        {t("html.scripts")}
      </label>
      <iframe
        key={String(scripts)}
        className="html-frame"
        title={t("html.title")}
        sandbox={scripts ? "allow-scripts" : ""}
        referrerPolicy="no-referrer"
        src={scripts ? address : still}
      />
    </div>
  );
}

const scriptsKey = "headrace.html.scripts";
