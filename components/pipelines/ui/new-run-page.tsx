import {
  ErrorPanel,
  FormPage,
  Skeleton,
  useAnswer,
  useKit,
  useMessages,
  useNavigate,
  usePage,
  useQueryItem,
  type Requester,
} from "@headrace/ui-kit";
import { useState } from "react";
import { CodePreview } from "./code-preview.tsx";
import { textOf } from "./listing.ts";
import { readClone } from "./new-run-draft.ts";
import { useNewRun } from "./new-run-form.ts";
import { newRunMessages } from "./new-run-messages.ts";
import { jsonOf, pythonOf, requestOf, type RunRequest } from "./new-run-request.ts";
import { MoreSection, ParametersSection, PipelineSection, RunSection } from "./new-run-sections.tsx";
import { schedulePath, schedulesPath } from "./places.ts";
import { runPath } from "./runs-of.ts";
import { TriggerFields } from "./trigger-fields.tsx";

/** Reads what is to be cloned, if anything is, before the form is there to be filled. */
export function NewRunPage() {
  const t = useMessages(newRunMessages);
  const { request } = useKit();
  const [run] = useQueryItem("cloneFromRun");
  const [schedule] = useQueryItem("cloneFromRecurringRun");
  const clone = useAnswer(`${run}/${schedule}`, (signal) => readClone(request, { run, schedule }, signal));
  if (clone.state === "loading") return <Skeleton rows={8} />;
  if (clone.state === "failed")
    return <ErrorPanel what={t("clone.failed")} error={clone.error} onRetry={clone.retry} />;
  return <NewRun key={`${run}/${schedule}`} clone={clone.value} />;
}

function NewRun({ clone }: { readonly clone: Awaited<ReturnType<typeof readClone>> }) {
  const t = useMessages(newRunMessages);
  const { request } = useKit();
  const navigate = useNavigate();
  const form = useNewRun(clone);
  const { draft, set, choices, wanted } = form;
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const title = t(draft.recurring ? "titleRecurring" : "title");
  usePage(title, [
    draft.recurring ? { label: t("schedules"), to: schedulesPath } : { label: t("runs"), to: "/runs" },
    { label: title },
  ]);
  const submit = async (): Promise<void> => {
    setAsked(true);
    if (!form.isSound || !wanted) {
      // What is wrong may lie outside of the view.
      requestAnimationFrame(() => document.querySelector<HTMLElement>('.form [aria-invalid="true"]')?.focus());
      return;
    }
    setBusy(true);
    setFailure(undefined);
    try {
      await navigate(await send(request, wanted));
    } catch (problem) {
      setFailure(problem);
      setBusy(false);
    }
  };

  return (
    <FormPage
      title={title}
      sentence={t(draft.recurring ? "sentenceRecurring" : "sentence")}
      verb={t(draft.recurring ? "submitRecurring" : "submit")}
      busy={busy}
      onSubmit={() => void submit()}
      back={draft.recurring ? schedulesPath : "/runs"}
      failure={
        failure === undefined ? undefined : { what: t(draft.recurring ? "failedRecurring" : "failed"), error: failure }
      }
      preview={wanted ? <Preview wanted={wanted} /> : <p className="preview-note">{t("code.wait")}</p>}
    >
      {choices.error === undefined ? null : (
        <ErrorPanel what={t("lists.failed")} error={choices.error} onRetry={choices.retry} />
      )}
      <PipelineSection form={form} asked={asked} clone={clone?.spec === undefined ? undefined : clone.name} />
      <RunSection form={form} asked={asked} />
      {draft.recurring ? (
        <TriggerFields
          draft={draft.trigger}
          onChange={(change) => set({ trigger: { ...draft.trigger, ...change } })}
          zone={form.defaults.cronTimeZone}
          faults={form.triggerFaults}
        />
      ) : null}
      <ParametersSection form={form} asked={asked} />
      <MoreSection form={form} />
    </FormPage>
  );
}

/** Sends it; answers the address of what came of it. */
async function send(request: Requester, wanted: RunRequest): Promise<string> {
  const { path, body } = requestOf(wanted);
  const answer = await request.json(path, { method: "POST", body });
  return wanted.schedule ? schedulePath(textOf(answer, "recurring_run_id")) : runPath(textOf(answer, "run_id"));
}

function Preview({ wanted }: { readonly wanted: RunRequest }) {
  const t = useMessages(newRunMessages);
  return (
    <CodePreview
      title={t("code")}
      codes={[
        { language: "Python", text: pythonOf(wanted, location.origin) },
        { language: "JSON", text: jsonOf(wanted) },
      ]}
    />
  );
}
