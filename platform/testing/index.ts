export { startFresh, type Fresh } from "./fresh.ts";
export { pythonWith, sdkPython, type SdkPython } from "./python.ts";
export { HeadraceProcess, type ProcessOptions } from "./headrace-process.ts";
export { findLauncher, findProcess, holdings, traces, type Place } from "./traces.ts";
