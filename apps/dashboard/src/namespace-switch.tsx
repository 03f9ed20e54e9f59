import { isRecord, Popover, useAnswer, useKit, useMessages, type Requester } from "@headrace/ui-kit";
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
  const label = (
    <>
      <span className="faint">{t("namespace")}</span> <code>{namespace === "" ? t("namespace.all") : namespace}</code>{" "}
      <span className="faint">▾</span>
    </>
  );
  return (
    <Popover look="box" label={label} onOpen={() => setOpened(opened + 1)}>
      {(close) => {
        const choose = (next: string): void => {
          change("namespace", next);
          close();
        };
        return (
          <div role="listbox" aria-label={t("namespace.type")}>
            {["", ...names].map((name) => (
              <button
                key={name}
                type="button"
                className="option"
                role="option"
                aria-selected={name === namespace}
                onClick={() => choose(name)}
              >
                {name === "" ? t("namespace.allOption") : <code>{name}</code>}
              </button>
            ))}
            {answer.state === "failed" ? <TypeNamespace first={namespace} onChoose={choose} /> : null}
          </div>
        );
      }}
    </Popover>
  );
}

/** Who may not list namespaces still knows the name of their own. */
function TypeNamespace({ first, onChoose }: { readonly first: string; readonly onChoose: (name: string) => void }) {
  const t = useMessages(shellMessages);
  return (
    <label className="field-line">
      <span className="muted">{t("namespace.failed")}</span>
      <input
        type="text"
        defaultValue={first}
        spellCheck={false}
        onKeyDown={(event) => event.key === "Enter" && onChoose(event.currentTarget.value.trim())}
      />
    </label>
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
