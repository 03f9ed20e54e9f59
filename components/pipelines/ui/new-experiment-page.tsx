import { FormPage, Notice, TextField, useAnswer, useKit, useMessages, useNavigate, usePage } from "@headrace/ui-kit";
import { useState } from "react";
import { CodePreview } from "./code-preview.tsx";
import { createExperiment, listExperiments } from "./experiments-api.ts";
import { experimentsMessages } from "./experiments-messages.ts";
import { isMultiUser } from "./pipelines-api.ts";
import { experimentPath, experimentsPath } from "./places.ts";
import { pythonCall, pythonClient } from "./python-code.ts";

export function NewExperimentPage() {
  const t = useMessages(experimentsMessages);
  const { request, namespace } = useKit();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  usePage(t("new.title"), [{ label: t("experiments"), to: experimentsPath }, { label: t("new.title") }]);
  const known = useAnswer(`experiments/${namespace}`, (signal) => listExperiments(request, namespace, signal));
  const multiUser = useAnswer("healthz", (signal) => isMultiUser(request, signal));
  const needsNamespace = namespace === "" && multiUser.state === "ready" && multiUser.value;
  const taken = known.state === "ready" && known.value.some((it) => it.displayName === name.trim());
  const fault = name.trim() === "" ? t("new.nameNeeded") : taken ? t("new.nameTaken") : undefined;
  const submit = async (): Promise<void> => {
    setAsked(true);
    if (fault !== undefined || needsNamespace) return;
    setBusy(true);
    setFailure(undefined);
    try {
      const made = await createExperiment(request, { displayName: name.trim(), description, namespace });
      await navigate(experimentPath(made.id));
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  const code = `${pythonClient(location.origin)}${pythonCall("client.create_experiment", [
    ["", name.trim()],
    description === "" ? undefined : ["description", description],
    ["namespace", namespace || undefined],
  ])}\n`;
  return (
    <FormPage
      title={t("new.title")}
      sentence={t("new.sentence")}
      verb={t("new.submit")}
      busy={busy}
      onSubmit={() => void submit()}
      back={experimentsPath}
      failure={failure === undefined ? undefined : { what: t("new.failed"), error: failure }}
      preview={<CodePreview title={t("new.code")} codes={[{ language: "Python", text: code }]} />}
    >
      {needsNamespace ? <Notice tone="warn" title={t("new.namespace")} /> : null}
      <TextField
        label={t("new.name")}
        value={name}
        onChange={setName}
        mono
        autoFocus
        error={asked || taken ? fault : undefined}
      />
      <TextField label={t("new.description")} optional value={description} onChange={setDescription} lines={3} />
    </FormPage>
  );
}
