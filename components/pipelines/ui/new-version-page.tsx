import {
  DefinitionList,
  DropTarget,
  ErrorPanel,
  FormPage,
  formatValue,
  Sentence,
  useKit,
  useMessages,
  useNavigate,
  usePage,
} from "@headrace/ui-kit";
import { useState } from "react";
import { CodePreview } from "./code-preview.tsx";
import { useUpload, type NamedUpload } from "./new-version-form.ts";
import { AsSection, FromSection } from "./new-version-sections.tsx";
import { upload, type Pipeline } from "./pipelines-api.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";
import type { PipelineWords } from "./pipelines-page.tsx";
import { pipelinePath, pipelinesPath } from "./places.ts";
import { parameterType } from "./planned-task.ts";
import { pythonCall, pythonClient } from "./python-code.ts";
import type { UploadContent } from "./read-upload.ts";

/** Uploads a compiled pipeline, as a new one or as a version of another. */
export function NewVersionPage() {
  const t = useMessages(pipelinesMessages);
  const { request } = useKit();
  const navigate = useNavigate();
  const form = useUpload();
  const { draft, take, content, pipelines, target, faults, sent } = form;
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const title = target ? t("new.titleVersion", { name: target.displayName }) : t("new.title");
  usePage(title, [{ label: t("pipelines"), to: pipelinesPath }, { label: title }]);

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
          <CodePreview title={t("preview.code")} codes={codesOf(draft, target)}>
            {content === undefined ? null : <Content content={content} t={t} />}
          </CodePreview>
        }
      >
        {pipelines.state === "failed" ? (
          <ErrorPanel what={t("failed")} error={pipelines.error} onRetry={pipelines.retry} />
        ) : null}
        <FromSection form={form} asked={asked} />
        <AsSection form={form} asked={asked} />
      </FormPage>
    </DropTarget>
  );
}

function codesOf(draft: NamedUpload, target: Pipeline | undefined) {
  return [{ language: "Python", text: pythonOf(draft, target) }];
}

/** kfp's client uploads files; a URL goes over the API that lies beneath it. */
function pythonOf(draft: NamedUpload, target: Pipeline | undefined): string {
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
      : pythonCall("client.upload_pipeline", [
          ["", path],
          ["pipeline_name", draft.name === "" ? undefined : draft.name],
          description,
        ]);
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
