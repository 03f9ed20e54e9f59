import { parseDuration } from "@headrace/model";
import type { Retention } from "@headrace/pipelines";
import { StartError } from "./errors.ts";

/** How long runs are kept, as upstream's variables say it: in Go's words, such as `720h`. */
export interface RetentionTimes {
  /** RUNS_RETENTION_TIME: from a run's end until it is archived. */
  readonly runs?: string;
  /** ARCHIVED_RUNS_RETENTION_TIME: from when a run was archived until it is deleted. */
  readonly archivedRuns?: string;
}

/** Throws StartError for what is no span of time. */
export function readRetention({ runs, archivedRuns }: RetentionTimes): Retention {
  return {
    ...(runs !== undefined && { runsMs: spanOf("RUNS_RETENTION_TIME", runs) }),
    ...(archivedRuns !== undefined && { archivedRunsMs: spanOf("ARCHIVED_RUNS_RETENTION_TIME", archivedRuns) }),
  };
}

function spanOf(variable: string, text: string): number {
  const span = parseDuration(text);
  if (span !== undefined && span > 0) return span;
  throw new StartError(
    `Cannot start with ${variable}="${text}": it is no span of time`,
    `Set it to hours, minutes and seconds as in ${variable}=720h, or leave it out to keep runs for ever`,
  );
}
