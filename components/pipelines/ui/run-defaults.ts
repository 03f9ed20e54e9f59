import { useAnswer, useKit } from "@headrace/ui-kit";
import { textOf } from "./listing.ts";

/** What a run gets that says nothing, and the clock by which cron expressions are read. */
export interface RunDefaults {
  readonly pipelineRoot: string;
  readonly serviceAccount: string;
  /** IANA name. */
  readonly cronTimeZone: string;
}

const standard: RunDefaults = { pipelineRoot: "", serviceAccount: "", cronTimeZone: "UTC" };

/** The server's defaults in a namespace; those that an installation begins with until they are known. */
export function useRunDefaults(namespace: string): RunDefaults {
  const { request } = useKit();
  const answer = useAnswer(namespace === "" ? undefined : namespace, async (signal) => {
    const path = `/apis/headrace.io/v1/namespaces/${encodeURIComponent(namespace)}/run-defaults`;
    const found = await request.json(path, { signal });
    return {
      pipelineRoot: textOf(found, "pipelineRoot"),
      serviceAccount: textOf(found, "serviceAccount"),
      cronTimeZone: textOf(found, "cronTimeZone") || standard.cronTimeZone,
    };
  });
  return answer.state === "ready" ? answer.value : standard;
}
