import type { Requester } from "@headrace/ui-kit";
import type { AskEdges, LineageEdge } from "./lineage.ts";
import { everyPage, recordOf, textOf } from "./listing.ts";

/** Ids that one question may hold. */
const mostIds = 100;

/** Asks the pipelines API for the edges at artifacts or tasks. */
export function edgeAsker(request: Requester, signal: AbortSignal): AskEdges {
  return async ({ artifacts = [], tasks = [] }) => {
    const edges: LineageEdge[] = [];
    for (const [name, ids] of [
      ["artifact_ids", artifacts],
      ["task_ids", tasks],
    ] as const) {
      for (let from = 0; from < ids.length; from += mostIds) {
        const query = { [name]: ids.slice(from, from + mostIds).join(",") };
        const options = { query, field: "artifact_tasks", pageSize: 200, signal };
        const rows = await everyPage(request, "/apis/v2beta1/artifact_tasks", options);
        edges.push(...rows.map(readEdge));
      }
    }
    return edges;
  };
}

export function readEdge(row: unknown): LineageEdge {
  const [artifact, task] = [recordOf(row, "artifact"), recordOf(row, "task")];
  return {
    artifact: {
      uid: textOf(row, "artifact_id"),
      number: Number(artifact["number"] ?? 0),
      type: textOf(artifact, "schema_title"),
    },
    task: {
      uid: textOf(row, "task_id"),
      number: Number(task["number"] ?? 0),
      name: textOf(row, "task_name"),
      key: textOf(task, "key"),
      type: textOf(task, "type"),
      state: textOf(task, "state"),
      run: textOf(row, "run_id"),
      runName: textOf(row, "run_name"),
    },
    direction: textOf(row, "type").endsWith("OUTPUT") ? "out" : "in",
    port: textOf(row, "key"),
  };
}
