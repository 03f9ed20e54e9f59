export { createEnvironments } from "./environments.ts";
export type { Environment, Environments, EnvironmentsOptions, ResolveRequest } from "./environments.ts";
export { EnvironmentError, type EnvironmentErrorCode } from "./errors.ts";
export { inspectTools, type Tools } from "./inspect.ts";
export { listUnusedEnvironments, removeUnusedEnvironment } from "./unused.ts";
export { ImageMapping } from "./image-mapping.ts";
