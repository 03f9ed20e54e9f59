import { isRecord, useAnswer, useKit, useMessages, type Requester } from "@headrace/ui-kit";
import { useState } from "react";
import { shellMessages } from "./messages.ts";
import { usePreferences } from "./preferences-context.tsx";

/** Which namespace the lists show. Read when it is opened, so that it costs no page a connection. */
export function NamespaceSwitch() {
  const t = useMessages(shellMessages);
  const { request, namespace } = useKit();
  const { change } = usePreferences();
  const [opened, setOpened] = useState(0);
  const answer = useAnswer(opened === 0 ? undefined : `namespaces ${opened}`, (signal) =>
    listNamespaces(request, signal),
  );
  const names = answer.state === "ready" ? answer.value : [];
  const choose = (next: string, from: HTMLElement): void => {
    change("namespace", next);
    from.closest("details")?.removeAttribute("open");
  };
  return (
    <details
      className="popover-host namespace"
      onToggle={(event) => event.currentTarget.open && setOpened((it) => it + 1)}
    >
      <summary className="box">
        <span className="faint">{t("namespace")}</span> <code>{namespace === "" ? t("namespace.all") : namespace}</code>{" "}
        <span className="faint">▾</span>
      </summary>
      <div className="popover" role="listbox" aria-label={t("namespace.type")}>
        {["", ...names].map((name) => (
          <button
            key={name}
            type="button"
            className="option"
            role="option"
            aria-selected={name === namespace}
            onClick={(event) => choose(name, event.currentTarget)}
          >
            {name === "" ? t("namespace.allOption") : <code>{name}</code>}
          </button>
        ))}
        {answer.state === "failed" ? (
          <label className="field-line">
            <span className="muted">{t("namespace.failed")}</span>
            <input
              type="text"
              defaultValue={namespace}
              spellCheck={false}
              onKeyDown={(event) =>
                event.key === "Enter" && choose(event.currentTarget.value.trim(), event.currentTarget)
              }
            />
          </label>
        ) : null}
      </div>
    </details>
  );
}

async function listNamespaces(request: Requester, signal: AbortSignal): Promise<readonly string[]> {
  const answer = await request.json("/kube/api/v1/namespaces?limit=500", { signal });
  const items = isRecord(answer) && Array.isArray(answer["items"]) ? answer["items"] : [];
  return items.flatMap((item: unknown) => {
    const name = isRecord(item) && isRecord(item["metadata"]) ? item["metadata"]["name"] : undefined;
    return typeof name === "string" ? [name] : [];
  });
}
