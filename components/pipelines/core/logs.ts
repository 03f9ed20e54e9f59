/** Apart from what steps may name as a place of their own: logs are written by the node alone. */
const bucket = "minio://headrace-logs";

/** Where the logs of a run's steps are kept once their pods are gone. */
export const runLogsUri = (run: string): string => `${bucket}/${run}`;

/** Where the log of one attempt is kept. */
export function logUri(attempt: { readonly run: string; readonly task: number; readonly n: number }): string {
  return `${runLogsUri(attempt.run)}/${attempt.task}/${attempt.n}`;
}
