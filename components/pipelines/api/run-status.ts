import type { RunState } from "@headrace/records";
import { isObject, type JsonObject } from "../core/json.ts";
import type { Failure, RunRow, TaskRow } from "../records/runs.ts";
import type { RpcStatus, RuntimeState } from "./messages.ts";

/** google.rpc.Code */
const cancelled = 1;
const internal = 13;
/** Lines of a step's log in an error. */
const shownLines = 20;

/** KFP's word for a run's state. Stock clients wait for ever on CANCELED, so a run that was terminated ends FAILED, as upstream's do. */
export function shownState(state: RunState): RuntimeState {
  return state === "CANCELED" ? "FAILED" : state;
}

/** Why a run failed: the first step that did, with the last lines of its log. */
export function runError(run: RunRow, first?: Failure): RpcStatus | undefined {
  if (run.state === "CANCELED") return { code: cancelled, message: messageOf(run.error) || "The run was terminated" };
  if (run.state !== "FAILED") return undefined;
  if (!first) return { code: internal, message: messageOf(run.error) || "The run failed" };
  const more = first.total > 1 ? ` (and ${first.total - 1} more failed)` : "";
  return { code: internal, message: `Step "${first.display_name}" failed${more}: ${describe(first.error)}` };
}

/** Why a task failed. */
export function taskError(task: TaskRow): RpcStatus | undefined {
  return task.state === "FAILED" ? { code: internal, message: describe(task.error) } : undefined;
}

/** What is to be said about a task: why it failed, or was skipped. */
export function taskNote(task: TaskRow): string {
  return messageOf(task.error);
}

/** A task's error column: `{message, tail?}` as JSON. */
function describe(error: string | null): string {
  const { message, tail } = parseError(error);
  const text = typeof message === "string" && message ? message : "no reason is known";
  return typeof tail === "string" && tail.trim() ? `${text}\n${lastLines(tail)}` : text;
}

/** Where the reason usually is; the whole log is a click away. */
function lastLines(tail: string): string {
  return tail.trimEnd().split("\n").slice(-shownLines).join("\n");
}

function messageOf(error: string | null): string {
  return error?.startsWith("{") ? describe(error) : (error ?? "");
}

function parseError(error: string | null): JsonObject {
  if (error === null) return {};
  try {
    const value: unknown = JSON.parse(error);
    return isObject(value) ? value : { message: error };
  } catch {
    return { message: error };
  }
}
