import {
  CheckField,
  ErrorPanel,
  Field,
  FormPage,
  FormSection,
  isRecord,
  Link,
  PickField,
  Sentence,
  Skeleton,
  Switch,
  TextField,
  useAnswer,
  useKit,
  useMessages,
  useNavigate,
  usePage,
  useQueryItem,
  type Requester,
} from "@headrace/ui-kit";
import { useMemo, useState, useLayoutEffect } from "react";
import { readRunOptions } from "../core/run-options.ts";
import { CodePreview } from "./code-preview.tsx";
import { listExperiments, type Experiment } from "./experiments-api.ts";
import { textOf } from "./listing.ts";
import { newRunMessages } from "./new-run-messages.ts";
import { jsonOf, pythonOf, requestOf, type RunRequest } from "./new-run-request.ts";
import { freshDraft, readClone, type RunDraft } from "./new-run-draft.ts";
import { ParameterFields } from "./parameter-fields.tsx";
import { readParameters, textsOf } from "./parameter-values.ts";
import { isMultiUser, listPipelines, listVersions, type Pipeline, type PipelineVersion } from "./pipelines-api.ts";
import { newVersionPath, schedulePath, schedulesPath } from "./places.ts";
import { pipelineInputs } from "./planned-task.ts";
import { useRunDefaults } from "./run-defaults.ts";
import { runPath } from "./runs-of.ts";
import { instantOf, triggerOf } from "./trigger-draft.ts";
import { triggerFaults, TriggerFields } from "./trigger-fields.tsx";
import type { NewRunWords } from "./trigger-words.ts";

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
  const { request, namespace, clock } = useKit();
  const navigate = useNavigate();
  const [pipelineId] = useQueryItem("pipelineId");
  const [versionId] = useQueryItem("pipelineVersionId");
  const [experimentId] = useQueryItem("experimentId");
  const [recurringText] = useQueryItem("recurring");
  const [draft, setDraft] = useState<RunDraft>(() => ({
    ...freshDraft(clock.now()),
    pipeline: pipelineId,
    version: versionId,
    experiment: experimentId,
    recurring: recurringText === "1",
    ...clone?.draft,
    ...(clone && { name: t("clone.name", { name: clone.name }) }),
  }));
  const set = (change: Partial<RunDraft>): void => setDraft((before) => ({ ...before, ...change }));
  const choices = useChoices(draft.pipeline);
  const { pipeline, version, experiment } = chosenOf(draft, choices);
  const defaults = useRunDefaults(experiment?.namespace ?? namespace);
  const spec = draft.pipeline === "" ? clone?.spec : version?.spec;
  const inputs = useMemo(() => readInputs(spec), [spec]);
  const given = useGiven(clone?.given, inputs, draft, set);
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const title = t(draft.recurring ? "titleRecurring" : "title");
  usePage(title, [
    draft.recurring ? { label: t("schedules"), to: schedulesPath } : { label: t("runs"), to: "/runs" },
    { label: title },
  ]);

  const name = draft.name ?? defaultName(pipeline?.displayName, draft);
  const read = readParameters(inputs.specs, given);
  const faults = {
    pipeline: spec === undefined ? t("pipeline.needed") : undefined,
    // While there is no pipeline there is no name to offer either: one complaint is enough.
    name: spec !== undefined && name.trim() === "" ? t("name.needed") : undefined,
    experiment: choices.multiUser && experiment === undefined ? t("experiment.needed") : undefined,
    cacheAge: isAge(draft.cacheMaxAge) ? undefined : t("cacheAge.wrong"),
    ...(draft.recurring && triggerFaults(draft.trigger, { now: clock.now(), zone: defaults.cronTimeZone }, t)),
  };
  // Runs are told with the account that they got; what everybody gets need not be asked for.
  const serviceAccount = draft.serviceAccount.trim() === defaults.serviceAccount ? "" : draft.serviceAccount.trim();
  const wanted = requestFor(
    { ...draft, name: name.trim(), serviceAccount },
    { pipeline, version, experiment, spec, given: read.given },
  );
  const submit = async (): Promise<void> => {
    setAsked(true);
    if (read.problems.size > 0 || Object.values(faults).some((fault) => fault !== undefined) || !wanted) {
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
      preview={wanted ? <Preview wanted={wanted} t={t} /> : <p className="preview-note">{t("code.wait")}</p>}
    >
      {choices.error === undefined ? null : (
        <ErrorPanel what={t("lists.failed")} error={choices.error} onRetry={choices.retry} />
      )}
      <FormSection title={t("pipeline")}>
        {draft.pipeline === "" && clone?.spec !== undefined ? (
          <OwnPipeline clone={clone.name} choices={choices} set={set} t={t} />
        ) : (
          <PipelineFields
            draft={draft}
            set={set}
            choices={choices}
            version={version}
            error={asked ? faults.pipeline : undefined}
            t={t}
          />
        )}
      </FormSection>
      <FormSection
        title={t(draft.recurring ? "schedule" : "run")}
        tools={
          <Switch
            label={t("kind")}
            value={draft.recurring ? "recurring" : "once"}
            onChange={(kind) => set({ recurring: kind === "recurring" })}
            options={[
              { value: "once", label: t("once") },
              { value: "recurring", label: t("recurring") },
            ]}
          />
        }
      >
        <TextField
          label={t("name")}
          value={name}
          onChange={(typed) => set({ name: typed })}
          mono
          error={asked ? faults.name : undefined}
        />
        <PickField
          label={t("experiment")}
          value={experiment?.id ?? ""}
          onChange={(id) => set({ experiment: id })}
          placeholder={t("experiment.pick")}
          options={choices.experiments.map((it) => ({ value: it.id, label: it.displayName }))}
          error={asked ? faults.experiment : undefined}
        />
      </FormSection>
      {draft.recurring ? (
        <TriggerFields
          draft={draft.trigger}
          onChange={(change) => set({ trigger: { ...draft.trigger, ...change } })}
          zone={defaults.cronTimeZone}
          faults={triggerFaults(draft.trigger, { now: clock.now(), zone: defaults.cronTimeZone }, t)}
        />
      ) : null}
      <FormSection title={t("parameters")}>
        {inputs.broken === undefined ? null : (
          <p className="field field-error">{t("parameters.broken", { why: inputs.broken })}</p>
        )}
        {inputs.specs.size === 0 && inputs.broken === undefined ? (
          <p className="field muted">{t(spec === undefined ? "parameters.wait" : "parameters.none")}</p>
        ) : (
          <ParameterFields
            specs={inputs.specs}
            texts={given}
            insist={asked}
            onChange={(key, text) => set({ texts: changed(given, key, text) })}
          />
        )}
        {draft.recurring && inputs.specs.size > 0 ? (
          <p className="field field-help">
            <Sentence text={t("parameters.macros")} />
          </p>
        ) : null}
      </FormSection>
      <FormSection title={t("more")}>
        <TextField
          label={t("description")}
          optional
          value={draft.description}
          onChange={(description) => set({ description })}
          lines={2}
        />
        <CheckField
          label={t("caching")}
          checked={draft.caching}
          onChange={(caching) => set({ caching })}
          help={draft.caching ? undefined : t("caching.off")}
        />
        {draft.caching ? (
          <TextField
            label={t("cacheAge")}
            optional
            mono
            value={draft.cacheMaxAge}
            onChange={(cacheMaxAge) => set({ cacheMaxAge })}
            placeholder="24h"
            help={t("cacheAge.help")}
            error={faults.cacheAge}
          />
        ) : null}
        <CheckField
          label={t("keepGoing")}
          checked={draft.keepGoing}
          onChange={(keepGoing) => set({ keepGoing })}
          help={t("keepGoing.help")}
        />
        <TextField
          label={t("root")}
          optional
          mono
          value={draft.pipelineRoot}
          onChange={(pipelineRoot) => set({ pipelineRoot })}
          placeholder={rootOf(spec) || defaults.pipelineRoot}
          help={t("root.help")}
        />
        <ServiceAccountField
          draft={draft}
          set={set}
          namespace={experiment?.namespace ?? namespace}
          standard={defaults.serviceAccount}
          t={t}
        />
      </FormSection>
    </FormPage>
  );
}

type SetDraft = (change: Partial<RunDraft>) => void;

interface Choices {
  readonly pipelines: readonly Pipeline[];
  readonly versions: readonly PipelineVersion[];
  readonly versionsState: "loading" | "ready" | "failed";
  readonly experiments: readonly Experiment[];
  readonly multiUser: boolean;
  readonly isLoaded: boolean;
  readonly error: unknown;
  retry(): void;
}

/** What there is to choose from. */
function useChoices(pipeline: string): Choices {
  const { request, namespace } = useKit();
  const lists = useAnswer(`choices/${namespace}`, async (signal) => {
    const multiUser = await isMultiUser(request, signal);
    const [own, shared, experiments] = await Promise.all([
      listPipelines(request, namespace, signal),
      multiUser && namespace !== "" ? listPipelines(request, "", signal) : [],
      listExperiments(request, namespace, signal),
    ]);
    return { multiUser, pipelines: [...own, ...shared], experiments: experiments.filter((it) => !it.archived) };
  });
  const versions = useAnswer(pipeline === "" ? undefined : pipeline, (signal) =>
    listVersions(request, pipeline, signal),
  );
  return {
    pipelines: lists.state === "ready" ? lists.value.pipelines : [],
    experiments: lists.state === "ready" ? lists.value.experiments : [],
    multiUser: lists.state === "ready" && lists.value.multiUser,
    isLoaded: lists.state === "ready",
    versions: versions.state === "ready" ? versions.value : [],
    versionsState: versions.state,
    error: lists.state === "failed" ? lists.error : versions.state === "failed" ? versions.error : undefined,
    retry: () => {
      lists.retry();
      versions.retry();
    },
  };
}

function chosenOf(draft: RunDraft, choices: Choices) {
  return {
    pipeline: choices.pipelines.find(({ id }) => id === draft.pipeline),
    version: draft.version === "" ? choices.versions[0] : choices.versions.find(({ id }) => id === draft.version),
    experiment:
      draft.experiment === ""
        ? choices.experiments.find(({ displayName }) => displayName === "Default")
        : choices.experiments.find(({ id }) => id === draft.experiment),
  };
}

interface Inputs {
  readonly specs: ReturnType<typeof pipelineInputs>;
  readonly broken?: string;
}

function readInputs(spec: unknown): Inputs {
  try {
    return { specs: spec === undefined ? new Map() : pipelineInputs(spec) };
  } catch (error) {
    return { specs: new Map(), broken: error instanceof Error ? error.message : String(error) };
  }
}

/** Values of what is cloned become the fields' texts once it is known how its pipeline wants them written. */
function useGiven(
  cloned: Readonly<Record<string, unknown>> | undefined,
  { specs }: Inputs,
  draft: RunDraft,
  set: SetDraft,
): RunDraft["texts"] {
  const [pending, setPending] = useState(cloned);
  // Before anything is painted: nobody is to see, or to send, the defaults in their place.
  useLayoutEffect(() => {
    if (pending === undefined || specs.size === 0) return;
    set({ texts: textsOf(specs, pending) });
    setPending(undefined);
  }, [pending, specs]);
  return draft.texts;
}

/** Whether the server would read it as a duration. */
function isAge(text: string): boolean {
  try {
    readRunOptions(text.trim() === "" ? {} : { headrace: { cacheMaxAge: text.trim() } });
    return true;
  } catch {
    return false;
  }
}

function changed(texts: RunDraft["texts"], name: string, text: string | undefined): RunDraft["texts"] {
  const others = Object.entries(texts).filter(([key]) => key !== name);
  return Object.fromEntries(text === undefined ? others : [...others, [name, text]]);
}

/** As kfp names runs: the pipeline and the time. A schedule has the pipeline's name. */
function defaultName(pipeline: string | undefined, { recurring, openedAt }: RunDraft): string {
  if (pipeline === undefined) return "";
  const time = new Date(openedAt - new Date(openedAt).getTimezoneOffset() * 60_000).toISOString();
  return recurring ? pipeline : `${pipeline} ${time.slice(0, 10)} ${time.slice(11, 19).replaceAll(":", "-")}`;
}

interface Chosen {
  readonly pipeline: Pipeline | undefined;
  readonly version: PipelineVersion | undefined;
  readonly experiment: Experiment | undefined;
  readonly spec: unknown;
  readonly given: RunRequest["parameters"];
}

/** What would be sent; undefined while it is not known what is to run, or when. */
function requestFor(
  draft: RunDraft & { readonly name: string },
  { version, experiment, spec, given }: Chosen,
): RunRequest | undefined {
  const trigger = draft.recurring ? triggerOf(draft.trigger) : undefined;
  if (spec === undefined || (draft.recurring && trigger === undefined)) return undefined;
  return {
    name: draft.name,
    description: draft.description,
    experiment: experiment && { id: experiment.id, name: experiment.displayName },
    serviceAccount: draft.serviceAccount,
    pipelineRoot: draft.pipelineRoot.trim(),
    parameters: given,
    caching: draft.caching,
    cacheMaxAge: draft.caching ? draft.cacheMaxAge.trim() : "",
    keepGoing: draft.keepGoing,
    source:
      draft.pipeline === "" || version === undefined
        ? { spec }
        : { pipeline: version.pipeline, version: version.id, always: draft.recurring && draft.version === "", spec },
    schedule: trigger && {
      trigger,
      startAt: instantOf(draft.trigger.start),
      endAt: instantOf(draft.trigger.end),
      catchUp: draft.trigger.catchUp,
      maxConcurrency: Number(draft.trigger.maxConcurrency),
    },
  };
}

/** Sends it; answers the address of what came of it. */
async function send(request: Requester, wanted: RunRequest): Promise<string> {
  const { path, body } = requestOf(wanted);
  const answer = await request.json(path, { method: "POST", body });
  return wanted.schedule ? schedulePath(textOf(answer, "recurring_run_id")) : runPath(textOf(answer, "run_id"));
}

function Preview({ wanted, t }: { readonly wanted: RunRequest; readonly t: NewRunWords }) {
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

function PipelineFields({
  draft,
  set,
  choices,
  version,
  error,
  t,
}: {
  readonly draft: RunDraft;
  readonly set: SetDraft;
  readonly choices: Choices;
  readonly version: PipelineVersion | undefined;
  readonly error: string | undefined;
  readonly t: NewRunWords;
}) {
  const options = choices.versions.map((it, index) => ({
    value: it.id,
    label: it.displayName,
    detail: index === 0 ? t("version.latest") : undefined,
  }));
  return (
    <div className="field-row">
      <PickField
        label={t("pipeline")}
        value={draft.pipeline}
        onChange={(pipeline) => set({ pipeline, version: "" })}
        placeholder={t("pipeline.pick")}
        options={choices.pipelines.map((it) => ({ value: it.id, label: it.displayName }))}
        error={error}
        help={
          choices.isLoaded && choices.pipelines.length === 0 ? (
            <>
              {t("pipeline.none")} <Link to={newVersionPath()}>{t("pipeline.upload")}</Link>
            </>
          ) : undefined
        }
      />
      {draft.pipeline === "" ? null : (
        <PickField
          label={t("version")}
          value={draft.recurring && draft.version === "" ? "" : (version?.id ?? "")}
          onChange={(id) => set({ version: id })}
          placeholder={draft.recurring ? t("version.always") : ""}
          options={draft.recurring ? [{ value: "", label: t("version.always") }, ...options] : options}
          help={choices.versionsState === "ready" && options.length === 0 ? t("version.none") : undefined}
        />
      )}
    </div>
  );
}

function OwnPipeline({
  clone,
  choices,
  set,
  t,
}: {
  readonly clone: string;
  readonly choices: Choices;
  readonly set: SetDraft;
  readonly t: NewRunWords;
}) {
  const [other] = choices.pipelines;
  return (
    <Field
      label={t("pipeline.own", { name: clone })}
      help={t("pipeline.ownHelp")}
      note={
        other ? (
          <button type="button" className="link" onClick={() => set({ pipeline: other.id, version: "" })}>
            {t("pipeline.other")}
          </button>
        ) : undefined
      }
    >
      {() => null}
    </Field>
  );
}

/** Offers the namespace's accounts where they may be listed. */
function ServiceAccountField({
  draft,
  set,
  namespace,
  standard,
  t,
}: {
  readonly draft: RunDraft;
  readonly set: SetDraft;
  readonly namespace: string;
  readonly standard: string;
  readonly t: NewRunWords;
}) {
  const { request } = useKit();
  const accounts = useAnswer(namespace === "" ? undefined : namespace, async (signal) => {
    const path = `/kube/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts?limit=100`;
    const answer = await request.json(path, { signal });
    const items = isRecord(answer) && Array.isArray(answer["items"]) ? answer["items"] : [];
    return items.map((item) => textOf(isRecord(item) ? item["metadata"] : undefined, "name")).filter(Boolean);
  });
  return (
    <TextField
      label={t("account")}
      optional
      mono
      value={draft.serviceAccount}
      onChange={(serviceAccount) => set({ serviceAccount })}
      offers={accounts.state === "ready" ? accounts.value : []}
      placeholder={standard}
      help={t("account.help")}
    />
  );
}

/** The pipeline's own root, if it has one. */
function rootOf(spec: unknown): string {
  const bare = isRecord(spec) && isRecord(spec["pipeline_spec"]) ? spec["pipeline_spec"] : spec;
  return textOf(bare, "defaultPipelineRoot");
}
