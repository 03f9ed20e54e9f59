export { diagnose } from "./diagnose.ts";
export { SandboxError, type SandboxErrorCode } from "./errors.ts";
export { openSandbox, type SandboxOptions } from "./open.ts";
export { selfTest, type SelfTestOptions } from "./self-test.ts";
export type {
  Capabilities,
  CellSpec,
  ContainerExit,
  ContainerSpec,
  ExecOptions,
  ExecResult,
  ExecSession,
  Finding,
  Limits,
  Mount,
  PodNetwork,
  Sandbox,
  SandboxStats,
  ServiceAddress,
  Started,
} from "./sandbox.ts";
