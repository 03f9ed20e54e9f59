export { type Bench, createBench, type Ended, passTime, type SubmitOptions } from "./bench.ts";
export { compilePipelines, kfpPython, kfpVersion } from "./compile.ts";
export { compiledPipelines } from "./compiled.ts";
export { out, program } from "./functions.ts";
export { type RunToWrite, writeRuns } from "./many-runs.ts";
export { pythonProgram } from "./python-program.ts";
export { fuzz, type FuzzResult, type FuzzTarget } from "./fuzz/fuzz.ts";
export { createShelf, type Shelf } from "./shelf.ts";
export { type Program, type SimulatedEnd, SimulatedNode, type SimulatedStep } from "./simulated-node.ts";
