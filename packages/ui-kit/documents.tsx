import { use, useMemo } from "react";
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
 * HTML of a stranger: an origin of its own, no forms, no pop-ups, no way out of the frame. Whether scripts may draw within
 * it, the server that sends it decides with its own policy.
 */
export function HtmlFrame({ address }: { readonly address: string }) {
  const t = useKitMessages();
  return (
    <iframe
      className="html-frame"
      title={t("html.title")}
      sandbox="allow-scripts"
      referrerPolicy="no-referrer"
      src={address}
    />
  );
}
