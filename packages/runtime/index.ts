export {
  createRateLimiter,
  defaultRateLimits,
  exponentialDelay,
  type RateLimiter,
  type RateLimits,
} from "./backoff.ts";
export {
  controlledBy,
  createController,
  fromInformer,
  type ControllerOptions,
  type Reconcile,
  type ReconcileFailure,
  type ReconcileResult,
  type Source,
} from "./controller.ts";
export { TerminalError } from "./errors.ts";
export { createEventRecorder, type EventMessage, type EventRecorder, type EventRecorderOptions } from "./events.ts";
export { createInformer, type Change, type Informer, type InformerOptions } from "./informer.ts";
export { runAsLeader, type LeaderOptions } from "./leader.ts";
export { createLimitedMap, type LimitedMap } from "./limited-map.ts";
export { formatKey, keyOf, parseKey, type IndexFunction } from "./object-cache.ts";
export { afterThisTurn, pause } from "./pause.ts";
export { createWorkQueue, type WorkQueue } from "./work-queue.ts";
export {
  addFinalizer,
  createOrGet,
  hasFinalizer,
  ifPresent,
  removeFinalizer,
  retryOnConflict,
  updateLatest,
  withoutFinalizer,
} from "./writes.ts";
