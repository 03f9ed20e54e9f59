import {
  DefinitionList,
  DropTarget,
  ErrorPanel,
  Field,
  FileField,
  FormPage,
  FormSection,
  PairsField,
  PickField,
  Sentence,
  Switch,
  TextField,
  useAnswer,
  useKit,
  useMessages,
  useNavigate,
  usePage,
  useQueryItem,
  formatValue,
  type Pair,
} from "@headrace/ui-kit";
import { useEffect, useState } from "react";
import { CodePreview } from "./code-preview.tsx";
import { tagsOf, twice } from "./edit-naming.tsx";
import { takeFile } from "./handed-file.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";
import { countVersions, isMultiUser, listPipelines, upload, type Pipeline, type Upload } from "./pipelines-api.ts";
import type { PipelineWords } from "./pipelines-page.tsx";
import { pipelinePath, pipelinesPath } from "./places.ts";
import { parameterType } from "./planned-task.ts";
import { pythonCall, pythonClient } from "./python-code.ts";
import { nameOfFile, readUpload, type UploadContent } from "./read-upload.ts";

interface Draft {
  readonly as: "pipeline" | "version";
  readonly pipeline: string;
  readonly from: "file" | "url";
  readonly file: File | undefined;
  readonly url: string;
  /** What the reader typed; while it is undefined the name follows what is uploaded. */
  readonly name: string | undefined;
  readonly description: string;
  readonly codeSource: string;
  readonly tags: readonly Pair[];
  readonly shared: boolean;
}

/** Uploads a compiled pipeline, as a new one or as a version of another. */
export function NewVersionPage() {
  const t = useMessages(pipelinesMessages);
  const { request, namespace } = useKit();
  const navigate = useNavigate();
  const [wanted] = useQueryItem("pipelineId");
  const [draft, setDraft] = useState<Draft>(() => ({
    as: wanted === "" ? "pipeline" : "version",
    pipeline: wanted,
    from: "file",
    file: undefined,
    url: "",
    name: undefined,
    description: "",
    codeSource: "",
    tags: [],
    shared: false,
  }));
  const set = (change: Partial<Draft>): void => setDraft((before) => ({ ...before, ...change }));
  const [content, setContent] = useState<UploadContent>();
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const pipelines = useAnswer(`pipelines/${namespace}`, (signal) => listPipelines(request, namespace, signal));
  const multiUser = useAnswer("healthz", (signal) => isMultiUser(request, signal));
  const all = pipelines.state === "ready" ? pipelines.value : [];
  const target = draft.as === "version" ? all.find(({ id }) => id === draft.pipeline) : undefined;
  const versions = useAnswer(target?.id, (signal) => countVersions(request, target?.id ?? "", signal));
  const title = target ? t("new.titleVersion", { name: target.displayName }) : t("new.title");
  usePage(title, [{ label: t("pipelines"), to: pipelinesPath }, { label: title }]);

  const take = (file: File): void => {
    set({ file, from: "file" });
    setContent(undefined);
    void readUpload(file).then(setContent);
  };
  useEffect(() => {
    const handed = takeFile();
    if (handed) take(handed);
    // Once, for the file comes from the page before.
  }, []);

  const suggested =
    draft.as === "version"
      ? `v${(versions.state === "ready" ? versions.value : 0) + 1}`
      : content?.kind === "pipeline"
        ? content.name
        : nameOfFile(draft.from === "url" ? (draft.url.split("/").at(-1) ?? "") : (draft.file?.name ?? ""));
  const name = draft.name ?? suggested;
  const namesake = draft.as === "pipeline" ? all.find((it) => it.name === name.trim()) : undefined;
  const faults = faultsOf({ ...draft, name }, namesake, t);
  const error = (field: keyof typeof faults): string | undefined => (asked ? faults[field] : undefined);
  const sent = uploadOf({ ...draft, name }, namespace);

  const submit = async (): Promise<void> => {
    setAsked(true);
    if (Object.values(faults).some((fault) => fault !== undefined) || sent === undefined) return;
    setBusy(true);
    setFailure(undefined);
    try {
      const { pipeline, version } = await upload(request, sent);
      await navigate(pipelinePath(pipeline, version));
    } catch (problem) {
      setFailure(problem);
      setBusy(false);
    }
  };

  return (
    <DropTarget label={t("drop")} onFile={take}>
      <FormPage
        title={title}
        sentence={<Sentence text={t("new.sentence")} />}
        verb={t("new.submit")}
        busy={busy}
        onSubmit={() => void submit()}
        back={target ? pipelinePath(target.id) : pipelinesPath}
        failure={failure === undefined ? undefined : { what: t("new.failed"), error: failure }}
        preview={
          <CodePreview title={t("preview.code")} codes={codesOf({ ...draft, name }, target)}>
            {content === undefined ? null : <Content content={content} t={t} />}
          </CodePreview>
        }
      >
        {pipelines.state === "failed" ? (
          <ErrorPanel what={t("failed")} error={pipelines.error} onRetry={pipelines.retry} />
        ) : null}
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
              error={error("file")}
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
              error={error("url")}
            />
          )}
        </FormSection>
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
              options={all.map((it) => ({ value: it.id, label: it.displayName }))}
              error={error("pipeline")}
            />
          ) : null}
          <TextField
            label={t(draft.as === "version" ? "new.versionName" : "new.name")}
            value={name}
            onChange={(typed) => set({ name: typed })}
            mono
            help={t(draft.as === "version" ? "new.versionNameHelp" : "new.nameHelp")}
            error={namesake ? t("new.taken") : error("name")}
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
          {draft.as === "pipeline" && multiUser.state === "ready" && multiUser.value ? (
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
          ) : null}
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
      </FormPage>
    </DropTarget>
  );
}

type Named = Draft & { readonly name: string };

function faultsOf(draft: Named, namesake: Pipeline | undefined, t: PipelineWords) {
  const repeated = twice(draft.tags);
  return {
    file: draft.from === "file" && !draft.file ? t("new.needsFile") : undefined,
    url: draft.from === "url" && !/^https?:\/\/\S+$/.test(draft.url.trim()) ? t("new.needsUrl") : undefined,
    pipeline: draft.as === "version" && draft.pipeline === "" ? t("new.needsPipeline") : undefined,
    name: draft.name.trim() === "" ? t("new.needsName") : namesake ? t("new.taken") : undefined,
    tags: repeated === undefined ? undefined : t("edit.tagsTwice", { key: repeated }),
  };
}

/** What is sent; undefined while there is nothing to send. */
function uploadOf(draft: Named, namespace: string): Upload | undefined {
  const source = draft.from === "url" ? { url: draft.url.trim() } : draft.file && { file: draft.file };
  const name = draft.name.trim();
  return (
    source && {
      ...(draft.as === "version" && { pipeline: draft.pipeline }),
      name,
      displayName: name,
      description: draft.description,
      codeSource: draft.codeSource.trim(),
      namespace: draft.shared ? "" : namespace,
      tags: tagsOf(draft.tags),
      source,
    }
  );
}

function codesOf(draft: Named, target: Pipeline | undefined) {
  return [{ language: "Python", text: pythonOf(draft, target) }];
}

/** kfp's client uploads files; a URL goes over the API that lies beneath it. */
function pythonOf(draft: Named, target: Pipeline | undefined): string {
  const path = draft.from === "url" ? "pipeline.yaml" : (draft.file?.name ?? "pipeline.yaml");
  const fetched = `from urllib.request import urlretrieve\n\nurlretrieve(${JSON.stringify(draft.url.trim())}, "pipeline.yaml")\n`;
  const description = ["description", draft.description === "" ? undefined : draft.description] as const;
  const call =
    draft.as === "version"
      ? pythonCall("client.upload_pipeline_version", [
          ["", path],
          ["pipeline_version_name", draft.name],
          target ? ["pipeline_name", target.name] : undefined,
          description,
        ])
      : pythonCall("client.upload_pipeline", [["", path], ["pipeline_name", draft.name], description]);
  return `${draft.from === "url" ? `${fetched}\n` : ""}${pythonClient(location.origin)}${call}\n`;
}

function Content({ content, t }: { readonly content: UploadContent; readonly t: PipelineWords }) {
  if (content.kind === "unread") return <p className="preview-note">{t("preview.unread")}</p>;
  if (content.kind === "broken")
    return <p className="preview-note field-error">{t("preview.broken", { why: content.why })}</p>;
  const parameters = [...content.parameters];
  return (
    <>
      <header className="preview-head">
        <h2>{t("preview.read")}</h2>
      </header>
      <div className="preview-note">
        <p>
          <code>{content.name}</code> · {t("preview.steps", { count: content.steps })}
        </p>
        {parameters.length === 0 ? (
          <p>{t("preview.noParameters")}</p>
        ) : (
          <DefinitionList
            items={parameters.map(([name, spec]) => [
              name,
              <span key={name}>
                {parameterType(spec.type)}{" "}
                <span className="faint">
                  {spec.defaultValue === undefined
                    ? spec.optional
                      ? ""
                      : t("preview.required")
                    : t("preview.optional", { value: formatValue(spec.defaultValue) })}
                </span>
              </span>,
            ])}
          />
        )}
      </div>
    </>
  );
}
