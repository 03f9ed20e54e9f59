export { createSimulatedEnvironments } from "./simulated-environments.ts";
export {
  createSimulatedSandbox,
  type SimulatedEnd,
  type SimulatedProcess,
  type SimulatedProgram,
  type SimulatedSandbox,
  type SimulatedSandboxOptions,
} from "./simulated-sandbox.ts";
export { testMachine, testNode, type TestNode, type TestPod } from "./test-node.ts";
