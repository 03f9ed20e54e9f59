/**
 * Something in a run's own pipeline, inputs or outputs is wrong: the task fails with this message, and nothing else does.
 * Thrown by resolution, expressions, placeholders and output parsing; caught by `next` and the engine.
 */
export class PipelineFault extends Error {
  override readonly name = "PipelineFault";
}

/** The rows of a run contradict its pipeline: a bug of ours. The run stops being driven and says so. */
export class InconsistentRun extends Error {
  override readonly name = "InconsistentRun";
}
