import {
  Field,
  FileField,
  FormSection,
  PairsField,
  PickField,
  Switch,
  TextField,
  useKit,
  useMessages,
} from "@headrace/ui-kit";
import type { UploadForm } from "./new-version-form.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";

interface SectionProps {
  readonly form: UploadForm;
  /** Whether somebody has tried to send it: what is missing is complained of from then on. */
  readonly asked: boolean;
}

/** What is uploaded. */
export function FromSection({ form: { draft, set, take, faults }, asked }: SectionProps) {
  const t = useMessages(pipelinesMessages);
  return (
    <FormSection
      title={t("new.from")}
      tools={
        <Switch
          label={t("new.from")}
          value={draft.from}
          onChange={(from) => set({ from })}
          options={[
            { value: "file", label: t("new.fromFile") },
            { value: "url", label: t("new.fromUrl") },
          ]}
        />
      }
    >
      {draft.from === "file" ? (
        <FileField
          label={t("new.file")}
          file={draft.file}
          accept=".yaml,.yml,.json,.zip,.tar.gz,.tgz"
          onChange={take}
          error={asked ? faults.file : undefined}
        />
      ) : (
        <TextField
          label={t("new.url")}
          value={draft.url}
          onChange={(url) => set({ url })}
          type="url"
          mono
          placeholder="https://"
          help={t("new.urlHelp")}
          error={asked ? faults.url : undefined}
        />
      )}
    </FormSection>
  );
}

/** What it becomes. */
export function AsSection({ form, asked }: SectionProps) {
  const t = useMessages(pipelinesMessages);
  const { draft, set, pipelines, namesake, faults } = form;
  const choices = pipelines.state === "failed" ? [] : pipelines.state === "ready" ? pipelines.value : undefined;
  return (
    <FormSection
      title={t("new.as")}
      tools={
        <Switch
          label={t("new.as")}
          value={draft.as}
          onChange={(as) => set({ as, name: undefined })}
          options={[
            { value: "pipeline", label: t("new.asNew") },
            { value: "version", label: t("new.asVersion") },
          ]}
        />
      }
    >
      {draft.as === "version" ? (
        <PickField
          label={t("new.pipeline")}
          value={draft.pipeline}
          onChange={(pipeline) => set({ pipeline })}
          placeholder={t("new.pickPipeline")}
          options={choices?.map((it) => ({ value: it.id, label: it.displayName }))}
          error={asked ? faults.pipeline : undefined}
        />
      ) : null}
      <TextField
        label={t(draft.as === "version" ? "new.versionName" : "new.name")}
        value={draft.name}
        onChange={(typed) => set({ name: typed })}
        mono
        help={t(draft.as === "version" ? "new.versionNameHelp" : "new.nameHelp")}
        error={namesake || asked ? faults.name : undefined}
      />
      {namesake ? (
        <p className="field">
          <button
            type="button"
            className="compact"
            onClick={() => set({ as: "version", pipeline: namesake.id, name: undefined })}
          >
            {t("new.takenAction")}
          </button>
        </p>
      ) : null}
      <TextField
        label={t("new.description")}
        optional
        value={draft.description}
        onChange={(description) => set({ description })}
        lines={2}
      />
      <Visibility form={form} />
      <TextField
        label={t("new.code")}
        optional
        value={draft.codeSource}
        onChange={(codeSource) => set({ codeSource })}
        mono
        placeholder="https://"
        help={t("new.codeHelp")}
      />
      <PairsField
        label={t("new.tags")}
        optional
        pairs={draft.tags}
        onChange={(tags) => set({ tags })}
        keyLabel={t("edit.key")}
        valueLabel={t("edit.value")}
        error={faults.tags}
      />
    </FormSection>
  );
}

/** Who sees a new pipeline, where that is a question. */
function Visibility({ form: { draft, set, multiUser } }: { readonly form: UploadForm }) {
  const t = useMessages(pipelinesMessages);
  const { namespace } = useKit();
  if (draft.as === "version" || !multiUser) return null;
  return (
    <Field label={t("new.visible")}>
      {() => (
        <Switch
          label={t("new.visible")}
          value={draft.shared ? "shared" : "private"}
          onChange={(visible) => set({ shared: visible === "shared" })}
          options={[
            { value: "private", label: t("new.visiblePrivate", { namespace }) },
            { value: "shared", label: t("new.visibleShared") },
          ]}
        />
      )}
    </Field>
  );
}
