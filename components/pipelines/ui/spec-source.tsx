import { ErrorPanel, Skeleton, SourceView, useAnswer, useMessages } from "@headrace/ui-kit";
import { useMemo } from "react";
import { pipelineMessages } from "./messages.ts";

/** A compiled pipeline as the YAML that it was uploaded as, or would have been. */
export function SpecSource({ spec, name }: { readonly spec: unknown; readonly name: string }) {
  const t = useMessages(pipelineMessages);
  // The writer of YAML arrives with its first use.
  const writer = useAnswer("yaml", () => import("./spec-yaml.ts"));
  const text = useMemo(
    () => (writer.state === "ready" ? writer.value.specToYaml(spec) : ""),
    [writer.state === "ready", spec],
  );
  if (writer.state === "loading") return <Skeleton rows={12} />;
  if (writer.state === "failed")
    return <ErrorPanel what={t("spec.failed")} error={writer.error} onRetry={writer.retry} />;
  return <SourceView text={text} fileName={`${name}.yaml`} />;
}
