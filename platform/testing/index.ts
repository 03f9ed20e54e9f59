export { startFresh, type Fresh } from "./fresh.ts";
export { pythonWith, sdkPython, type SdkPython } from "./python.ts";
