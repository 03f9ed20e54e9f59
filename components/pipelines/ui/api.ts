import { isRecord, RequestError, type LogView, type Requester } from "@headrace/ui-kit";

const runPath = (id: string): string => `/apis/v2beta1/runs/${encodeURIComponent(id)}`;

/** The compiled pipeline of a run. */
export async function fetchPipelineSpec(
  request: Requester,
  run: { readonly id: string; readonly namespace: string },
  signal: AbortSignal,
): Promise<unknown> {
  const { id, namespace } = run;
  const path = `/apis/headrace.io/v1/namespaces/${encodeURIComponent(namespace)}/runs/${encodeURIComponent(id)}/pipeline`;
  return request.json(path, { signal });
}

export type RunVerb = "terminate" | "retry" | "archive" | "unarchive";

export async function actOnRun(request: Requester, runId: string, verb: RunVerb): Promise<void> {
  await request.json(`${runPath(runId)}:${verb}`, { method: "POST", body: {} });
}

/** Runs a task of a finished run again, and what came after it. */
export async function retryFrom(
  request: Requester,
  { id, namespace }: { readonly id: string; readonly namespace: string },
  taskKey: string,
): Promise<void> {
  const path = `/apis/headrace.io/v1/namespaces/${encodeURIComponent(namespace)}/runs/${encodeURIComponent(id)}/retry`;
  await request.json(path, { method: "POST", body: { from: [taskKey] } });
}

/** Where the bytes of an artifact are. The server sends them so that they cannot act as a page of ours. */
export function artifactPath(namespace: string, id: number): string {
  return `/apis/headrace.io/v1/namespaces/${encodeURIComponent(namespace)}/artifacts/${id}/content`;
}

/** The log of one attempt: from its pod while that exists, from the archive afterwards. */
export function openLog(
  request: Requester,
  run: { readonly id: string; readonly namespace: string },
  pod: string,
): Parameters<typeof LogView>[0]["open"] {
  return async function* (signal) {
    const live = `/kube/api/v1/namespaces/${encodeURIComponent(run.namespace)}/pods/${encodeURIComponent(pod)}/log?follow=true&timestamps=true`;
    try {
      yield* request.stream(live, { signal });
    } catch (error) {
      if (!(error instanceof RequestError) || (error.status !== 404 && error.status !== 410)) throw error;
      yield* request.stream(`/apis/v1alpha1/runs/${encodeURIComponent(run.id)}/nodes/${encodeURIComponent(pod)}/log`, {
        signal,
      });
    }
  };
}

/** Runs whose name holds `text`, for the search of the top bar. */
export async function searchRuns(
  request: Requester,
  text: string,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly { readonly id: string; readonly name: string; readonly state: string }[]> {
  const filter = JSON.stringify({
    predicates: [{ key: "display_name", operation: "IS_SUBSTRING", string_value: text }],
  });
  const query = new URLSearchParams({
    filter,
    page_size: "8",
    sort_by: "created_at desc",
    ...(namespace !== "" && { namespace }),
  });
  const answer = await request.json(`/apis/v2beta1/runs?${query}`, { signal });
  const found = isRecord(answer) && Array.isArray(answer["runs"]) ? answer["runs"].filter(isRecord) : [];
  return found.map((run) => ({
    id: String(run["run_id"]),
    name: String(run["display_name"] ?? run["run_id"]),
    state: String(run["state"] ?? ""),
  }));
}
