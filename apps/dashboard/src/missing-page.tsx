import { ErrorPanel, MissingPage, Sentence, useKit, useMessages, usePage } from "@headrace/ui-kit";
import { useLocation } from "react-router";
import { shellMessages } from "./messages.ts";
import { home, homePath } from "./pages.ts";

/** Any address that no page has. */
export function UnknownPage() {
  const t = useMessages(shellMessages);
  const { language } = useKit();
  const { pathname } = useLocation();
  const title = t("missing.title");
  usePage(title, [{ label: title }]);
  return (
    <MissingPage
      title={title}
      sentence={<Sentence text={t("missing.sentence", { path: pathname })} />}
      back={{ to: homePath, label: t("missing.back", { page: home?.label[language] ?? "Headrace" }) }}
    />
  );
}

/** A page that threw: the frame stays, the page says what happened, and can be tried again. */
export function CrashPage({ error }: { readonly error: unknown }) {
  const t = useMessages(shellMessages);
  usePage(t("crash.title"), []);
  return <ErrorPanel what={t("crash.title")} error={error} onRetry={() => location.reload()} />;
}
