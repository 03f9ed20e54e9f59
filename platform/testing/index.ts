export { startFresh, type Fresh } from "./fresh.ts";
export { pythonWith, startProgram, type PythonProgram, type Said } from "./python.ts";
export { HeadraceProcess, type ProcessOptions } from "./headrace-process.ts";
export { findLauncher, findProcess, holdings, traces, type Place } from "./traces.ts";
