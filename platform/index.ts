export { restoreBackup } from "./restore.ts";
export { StartError } from "./errors.ts";
export { awaitRelease, findRunning, openHome, type Home, type HomePaths, type Running } from "./home.ts";
export { keepHeapSmall } from "./heap.ts";
export { createPlatform, type Platform, type PlatformOptions } from "./platform.ts";
export { changeUserTokens } from "./user-tokens.ts";
export { inspectHost, type HostOptions, type HostReport } from "./host.ts";
