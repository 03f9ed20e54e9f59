import {
  CheckField,
  Field,
  FormSection,
  isRecord,
  Link,
  PickField,
  Sentence,
  Switch,
  TextField,
  useAnswer,
  useKit,
  useMessages,
} from "@headrace/ui-kit";
import { textOf } from "./listing.ts";
import type { RunDraft } from "./new-run-draft.ts";
import type { NewRunForm } from "./new-run-form.ts";
import { newRunMessages } from "./new-run-messages.ts";
import { ParameterFields } from "./parameter-fields.tsx";
import { newVersionPath } from "./places.ts";

interface SectionProps {
  readonly form: NewRunForm;
  /** Whether somebody has tried to send it: what is missing is complained of from then on. */
  readonly asked: boolean;
}

/** What is to run. */
export function PipelineSection({ form, asked, clone }: SectionProps & { readonly clone: string | undefined }) {
  const t = useMessages(newRunMessages);
  return (
    <FormSection title={t("pipeline")}>
      {form.draft.pipeline === "" && clone !== undefined ? (
        <OwnPipeline clone={clone} form={form} />
      ) : (
        <PipelineFields form={form} asked={asked} />
      )}
    </FormSection>
  );
}

function PipelineFields({ form: { draft, set, choices, version, faults }, asked }: SectionProps) {
  const t = useMessages(newRunMessages);
  const isWhole = choices.error === undefined;
  const latest = { value: "", label: t("version.always") };
  const versions = choices.versions?.map((it, index) => ({
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
        options={choices.pipelines?.map(optionOf)}
        error={asked ? faults.pipeline : undefined}
        help={
          isWhole && choices.pipelines?.length === 0 ? (
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
          placeholder={draft.recurring ? latest.label : ""}
          options={draft.recurring && versions ? [latest, ...versions] : versions}
          help={isWhole && versions?.length === 0 ? t("version.none") : undefined}
        />
      )}
    </div>
  );
}

/** Of what is cloned. */
function OwnPipeline({ clone, form: { choices, set } }: { readonly clone: string; readonly form: NewRunForm }) {
  const t = useMessages(newRunMessages);
  const [other] = choices.pipelines ?? [];
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

const optionOf = (it: { readonly id: string; readonly displayName: string }) => ({
  value: it.id,
  label: it.displayName,
});

/** As what it runs: once or again and again, under which name, among which others. */
export function RunSection({ form: { draft, set, choices, name, experiment, faults }, asked }: SectionProps) {
  const t = useMessages(newRunMessages);
  return (
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
        options={choices.experiments?.map(optionOf)}
        error={asked ? faults.experiment : undefined}
      />
    </FormSection>
  );
}

/** What it is given. */
export function ParametersSection({ form: { draft, set, inputs, given, spec }, asked }: SectionProps) {
  const t = useMessages(newRunMessages);
  return (
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
  );
}

function changed(texts: RunDraft["texts"], name: string, text: string | undefined): RunDraft["texts"] {
  const others = Object.entries(texts).filter(([key]) => key !== name);
  return Object.fromEntries(text === undefined ? others : [...others, [name, text]]);
}

/** How it runs. */
export function MoreSection({ form }: { readonly form: NewRunForm }) {
  const t = useMessages(newRunMessages);
  const { draft, set, faults, spec, defaults } = form;
  return (
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
      <ServiceAccountField form={form} />
    </FormSection>
  );
}

/** Offers the namespace's accounts where they may be listed. */
function ServiceAccountField({ form: { draft, set, place, defaults } }: { readonly form: NewRunForm }) {
  const t = useMessages(newRunMessages);
  const { request } = useKit();
  const accounts = useAnswer(place === "" ? undefined : place, async (signal) => {
    const path = `/kube/api/v1/namespaces/${encodeURIComponent(place)}/serviceaccounts?limit=100`;
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
      placeholder={defaults.serviceAccount}
      help={t("account.help")}
    />
  );
}

/** The pipeline's own root, if it has one. */
function rootOf(spec: unknown): string {
  const bare = isRecord(spec) && isRecord(spec["pipeline_spec"]) ? spec["pipeline_spec"] : spec;
  return textOf(bare, "defaultPipelineRoot");
}
