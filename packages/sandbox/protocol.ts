import { SandboxError, sandboxErrorCodes } from "./errors.ts";
import type { ContainerExit, PodNetwork, SandboxStats, Started } from "./sandbox.ts";

/** The version of the lines between Node and the launcher; a launcher of another version is refused. */
export const protocolVersion = 2;

type Fields = Record<string, unknown>;

export interface Message {
  readonly n: number | undefined;
  readonly ok: Fields | undefined;
  readonly error: Fields | undefined;
  readonly exit: ContainerExit | undefined;
}

/** What the launcher says of itself and of its host. */
export interface Hello {
  readonly protocol: number;
  readonly pid: number;
  readonly mode: "root" | "user" | "process";
  readonly cgroups: "v1" | "v2" | "none";
  readonly cgroupsProblem: string;
  readonly network: "bridge" | "none";
  readonly networkProblem: string;
  readonly podNetwork: PodNetwork | undefined;
}

/** Undefined if the line is no message of this protocol. */
export function readMessage(line: string): Message | undefined {
  const value = parse(line);
  if (!isFields(value)) return undefined;
  return {
    n: typeof value["n"] === "number" ? value["n"] : undefined,
    ok: isFields(value["ok"]) ? value["ok"] : undefined,
    error: isFields(value["error"]) ? value["error"] : undefined,
    exit: isFields(value["exit"]) ? readExit(value["exit"]) : undefined,
  };
}

export function readFailure(message: Message): SandboxError {
  const code = sandboxErrorCodes.find((known) => known === message.error?.["code"]) ?? "internal";
  return new SandboxError(code, text(message.error?.["message"]));
}

export function readHello(fields: Fields): Hello {
  return {
    protocol: number(fields["protocol"]),
    pid: number(fields["pid"]),
    mode: fields["mode"] === "root" || fields["mode"] === "process" ? fields["mode"] : "user",
    cgroups: fields["cgroups"] === "v1" || fields["cgroups"] === "v2" ? fields["cgroups"] : "none",
    cgroupsProblem: text(fields["cgroupsProblem"]),
    network: fields["network"] === "bridge" ? "bridge" : "none",
    networkProblem: text(fields["networkProblem"]),
    podNetwork: isFields(fields["podNetwork"]) ? readPodNetwork(fields["podNetwork"]) : undefined,
  };
}

function readPodNetwork(fields: Fields): PodNetwork {
  return { proxy: text(fields["proxy"]), services: text(fields["services"]), pods: text(fields["pods"]) };
}

export function readStarted(fields: Fields): Started {
  return {
    id: text(fields["id"]),
    startedAt: number(fields["startedAt"]),
    address: typeof fields["address"] === "string" ? fields["address"] : undefined,
    warm: fields["warm"] === true,
  };
}

const reasons = ["Completed", "Error", "OOMKilled", "StartError", "Lost"] as const;

export function readExit(fields: Fields): ContainerExit {
  return {
    id: text(fields["id"]),
    exitCode: number(fields["exitCode"]),
    ...(typeof fields["signal"] === "number" && { signal: fields["signal"] }),
    reason: reasons.find((known) => known === fields["reason"]) ?? "Error",
    ...(typeof fields["message"] === "string" && { message: fields["message"] }),
    startedAt: number(fields["startedAt"]),
    finishedAt: number(fields["finishedAt"]),
    cpuMillis: number(fields["cpuMillis"]),
    maxResidentBytes: number(fields["maxResidentBytes"]),
  };
}

export function readStats(fields: Fields): SandboxStats {
  const cells = list(fields["cells"]).map((cell) => ({
    tenant: text(cell["tenant"]),
    environment: typeof cell["environment"] === "string" ? cell["environment"] : undefined,
    containers: number(cell["containers"]),
    residentBytes: number(cell["residentBytes"]),
  }));
  return { cells, launcherBytes: number(fields["launcherBytes"]) };
}

export function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

export function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
