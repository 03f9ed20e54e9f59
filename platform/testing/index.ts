export { startFresh, type Fresh } from "./fresh.ts";
export { startS3Server, type S3Server } from "./s3-server.ts";
export { pythonOf, pythonWith, sdkPython, type SdkPython } from "./python.ts";
export { endWithTests } from "./end-with-tests.ts";
export { HeadraceProcess, type ProcessOptions } from "./headrace-process.ts";
export { findLauncher, findProcess, holdings, traces, type Place } from "./traces.ts";
