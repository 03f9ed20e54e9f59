import { isRecord, type Requester } from "@headrace/ui-kit";
import { textOf } from "./listing.ts";
import { experimentPath, pipelinePath, schedulePath } from "./places.ts";

export interface FoundDefinition {
  /** Address of the list that it belongs to. */
  readonly list: string;
  readonly path: string;
  readonly name: string;
}

const kinds = [
  { list: "/pipelines", rows: "pipelines", id: "pipeline_id", path: (id: string) => pipelinePath(id) },
  { list: "/experiments", rows: "experiments", id: "experiment_id", path: experimentPath },
  { list: "/recurringruns", rows: "recurringRuns", id: "recurring_run_id", path: schedulePath },
] as const;

/** Pipelines, experiments and recurring runs whose name holds `text`, for the search of the top bar; a few of each. */
export async function searchDefinitions(
  request: Requester,
  text: string,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly FoundDefinition[]> {
  const filter = JSON.stringify({
    predicates: [{ key: "display_name", operation: "IS_SUBSTRING", string_value: text }],
  });
  const query = new URLSearchParams({ filter, page_size: "5", ...(namespace !== "" && { namespace }) });
  const found = await Promise.all(
    kinds.map(async ({ list, rows, id, path }) => {
      const answer = await request.json(`/apis/v2beta1${list}?${query}`, { signal });
      const content = isRecord(answer) ? answer[rows] : undefined;
      if (!Array.isArray(content)) return [];
      return content.map((row: unknown) => ({ list, path: path(textOf(row, id)), name: textOf(row, "display_name") }));
    }),
  );
  return found.flat();
}
