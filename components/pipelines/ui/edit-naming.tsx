import { ErrorPanel, PairsField, TextField, useKit, useMessages, type Pair } from "@headrace/ui-kit";
import { useState } from "react";
import { PanelHead } from "./panel-head.tsx";
import { renamePipeline, renameVersion, type Naming, type Pipeline, type PipelineVersion } from "./pipelines-api.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";

const pairsOf = (tags: Readonly<Record<string, string>>): readonly Pair[] =>
  Object.entries(tags).map(([key, value]) => ({ key, value }));
export const tagsOf = (pairs: readonly Pair[]): Readonly<Record<string, string>> =>
  Object.fromEntries(pairs.filter(({ key }) => key !== "").map(({ key, value }) => [key, value]));

/** The key that stands there twice, if one does: only one of its values could be kept. */
export function twice(pairs: readonly Pair[]): string | undefined {
  return pairs.find(({ key }, index) => pairs.findIndex((it) => it.key === key) < index)?.key;
}

/** A panel for what of a pipeline, and of the version that is shown, can be changed afterwards. */
export function EditNaming({
  pipeline,
  version,
  onSaved,
  onClose,
}: {
  readonly pipeline: Pipeline;
  readonly version: PipelineVersion | undefined;
  readonly onSaved: () => void;
  readonly onClose: () => void;
}) {
  const t = useMessages(pipelinesMessages);
  const { request } = useKit();
  const own = useNaming(pipeline);
  const ofVersion = useNaming(version ?? { displayName: "", tags: {} });
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const repeated = twice(own.pairs) ?? twice(ofVersion.pairs);
  const save = async (): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    try {
      if (own.isChanged) await renamePipeline(request, pipeline.id, own.naming);
      if (version && ofVersion.isChanged) await renameVersion(request, version, ofVersion.naming);
      onSaved();
      onClose();
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  const fields = (it: ReturnType<typeof useNaming>, name: string, tags: string) => (
    <>
      <TextField label={name} value={it.name} onChange={it.setName} mono />
      <PairsField
        label={tags}
        pairs={it.pairs}
        onChange={it.setPairs}
        keyLabel={t("edit.key")}
        valueLabel={t("edit.value")}
        error={twice(it.pairs) === undefined ? undefined : t("edit.tagsTwice", { key: twice(it.pairs) ?? "" })}
      />
    </>
  );
  return (
    <>
      <PanelHead onClose={onClose}>
        <h2>{t("edit.title")}</h2>
      </PanelHead>
      <form
        className="panel-body"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div className="panel-section">
          {fields(own, t("edit.name"), t("edit.tags"))}
          {version ? fields(ofVersion, t("edit.versionName"), t("edit.versionTags")) : null}
          {failure === undefined ? null : <ErrorPanel what={t("edit.failed")} error={failure} />}
          <button
            type="submit"
            className="primary"
            disabled={busy || repeated !== undefined || !(own.isChanged || ofVersion.isChanged)}
          >
            {t("edit.save")}
          </button>
        </div>
      </form>
    </>
  );
}

function useNaming(before: Naming) {
  const [name, setName] = useState(before.displayName);
  const [pairs, setPairs] = useState(() => pairsOf(before.tags));
  const naming: Naming = { displayName: name.trim() || before.displayName, tags: tagsOf(pairs) };
  const isChanged =
    naming.displayName !== before.displayName || JSON.stringify(naming.tags) !== JSON.stringify(before.tags);
  return { name, setName, pairs, setPairs, naming, isChanged };
}
