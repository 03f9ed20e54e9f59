export { startFresh, type Fresh } from "./fresh.ts";
export { pythonWith, startProgram, type PythonProgram, type Said } from "./python.ts";
