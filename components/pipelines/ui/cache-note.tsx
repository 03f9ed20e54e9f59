import { formatTime, isRecord, parseTime, useAnswer, useKit, type Language, type Requester } from "@headrace/ui-kit";
import type { Task } from "../resources/index.ts";

/** Why a step ran although it had run before, or which earlier one it was reused from; nothing while the platform knows nothing. */
export function CacheNote({ task }: { readonly task: Task }) {
  const { request, clock, language } = useKit();
  const { name = "", namespace = "" } = task.metadata;
  const answer = useAnswer(`${name} ${task.status.state}`, (signal) =>
    fetchReasons(request, { name, namespace }, signal),
  );
  // A note beside the facts: if it cannot be read, the facts stand without it.
  if (answer.state !== "ready") return null;
  // Why it failed is said elsewhere, at length.
  const error = task.status.error?.message;
  const reasons = answer.value.filter((reason) => error === undefined || !reason.includes(error));
  return (
    <>
      {reasons.map((reason) => (
        <p key={reason}>{sayTimes(reason.replace(`${task.spec.key}: `, ""), clock.now(), language)}</p>
      ))}
    </>
  );
}

async function fetchReasons(
  request: Requester,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const path = `/apis/headrace.io/v1/namespaces/${encodeURIComponent(namespace)}/explain/task/${encodeURIComponent(name)}`;
  const answer = await request.json(path, { signal });
  const reasons = isRecord(answer) && Array.isArray(answer["reasons"]) ? answer["reasons"].filter(isRecord) : [];
  return reasons.map((reason) => String(reason["summary"] ?? ""));
}

/** Times within a sentence as the pages say them. */
function sayTimes(text: string, now: number, language: Language): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (at) => {
    const time = parseTime(at);
    return time === undefined ? at : formatTime(time, now, language);
  });
}
