import type { Admission } from "@headrace/apiserver";
import type { ObjectKey, StepReport } from "@headrace/model";

/** The door of the engine, for the component's REST face. Every method is safe to repeat. */
export interface Engine {
  /** For the API server: lets go of pods whose end is recorded as they are written. Absent from engines that make no pods. */
  readonly release?: Admission;
  /** Picks up what earlier processes left, then reacts to changes until the signal aborts. */
  start(signal: AbortSignal): Promise<void>;
  /** Call after the rows of a new run (`run`, `pipeline_run`, its document) are committed. Does not wait for anything. */
  submitted(run: RunKey): void;
  /** Marks CANCELING durably, then stops every pod. Throws ApiError BadRequest in a state that cannot be terminated. */
  terminate(run: RunKey): Promise<void>;
  /**
   * Runs again what did not succeed and, whatever became of them, the tasks with the keys of `from`: with all that waited for
   * them, and without the cache. Throws ApiError BadRequest if the run is not finished, has succeeded and `from` is empty, or
   * has no such task.
   */
  retry(run: RunKey, from?: readonly string[]): Promise<void>;
  /** A step's end. Resolves once it is recorded; repeating a report changes nothing. */
  report(attempt: { run: string; task: number; n: number }, report: StepReport): Promise<void>;
  /** Ends pods of a run that is about to be deleted; resolves when nothing of it can still report. */
  forget(run: RunKey): Promise<void>;
  /** Why a step's pod does not run yet; undefined if it does, or if nothing holds it up. Absent from engines that see no pods. */
  waiting?(pod: ObjectKey): { readonly summary: string; readonly remedy?: string } | undefined;
  /** What keeps the run with that id from going on for now, and is tried again; undefined if nothing does. */
  stuck?(run: string): { readonly summary: string; readonly remedy: string } | undefined;
}

export interface RunKey {
  readonly ns: string;
  readonly id: string;
}
