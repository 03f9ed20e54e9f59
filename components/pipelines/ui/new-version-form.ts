import { useAnswer, useKit, useMessages, useQueryItem, type Pair } from "@headrace/ui-kit";
import { useEffect, useState } from "react";
import { tagsOf, twice } from "./edit-naming.tsx";
import { takeFile } from "./handed-file.ts";
import { countVersions, isMultiUser, listPipelines, type Pipeline, type Upload } from "./pipelines-api.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";
import type { PipelineWords } from "./pipelines-page.tsx";
import { nameOfFile, readUpload, type UploadContent } from "./read-upload.ts";

/** What stands in the form for an upload. */
export interface UploadDraft {
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

/** The form for an upload: what stands in it, what is wrong with that, and what would be sent. */
export type UploadForm = ReturnType<typeof useUpload>;

export function useUpload() {
  const t = useMessages(pipelinesMessages);
  const { request, namespace } = useKit();
  const [wanted] = useQueryItem("pipelineId");
  const [draft, setDraft] = useState<UploadDraft>(() => ({
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
  const set = (change: Partial<UploadDraft>): void => setDraft((before) => ({ ...before, ...change }));
  const [content, setContent] = useState<UploadContent>();
  const pipelines = useAnswer(`pipelines/${namespace}`, (signal) => listPipelines(request, namespace, signal));
  const multiUser = useAnswer("healthz", (signal) => isMultiUser(request, signal));
  const all = pipelines.state === "ready" ? pipelines.value : [];
  /** The pipeline that gets a version. */
  const target = draft.as === "version" ? all.find(({ id }) => id === draft.pipeline) : undefined;
  const versions = useAnswer(target?.id, (signal) => countVersions(request, target?.id ?? "", signal));

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
  const named = { ...draft, name: draft.name ?? suggested };
  const namesake = draft.as === "pipeline" ? all.find((it) => it.name === named.name.trim()) : undefined;
  return {
    draft: named,
    set,
    take,
    /** What was read out of the file. */
    content,
    pipelines,
    multiUser: multiUser.state === "ready" && multiUser.value,
    target,
    namesake,
    faults: faultsOf(named, namesake, t),
    /** What is sent; undefined while there is nothing to send. */
    sent: uploadOf(named, namespace),
  };
}

/** With the name that it would get. */
export type NamedUpload = UploadDraft & { readonly name: string };

function faultsOf(draft: NamedUpload, namesake: Pipeline | undefined, t: PipelineWords) {
  const repeated = twice(draft.tags);
  return {
    file: draft.from === "file" && !draft.file ? t("new.needsFile") : undefined,
    url: draft.from === "url" && !/^https?:\/\/\S+$/.test(draft.url.trim()) ? t("new.needsUrl") : undefined,
    pipeline: draft.as === "version" && draft.pipeline === "" ? t("new.needsPipeline") : undefined,
    name: draft.name.trim() === "" ? t("new.needsName") : namesake ? t("new.taken") : undefined,
    tags: repeated === undefined ? undefined : t("edit.tagsTwice", { key: repeated }),
  };
}

function uploadOf(draft: NamedUpload, namespace: string): Upload | undefined {
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
