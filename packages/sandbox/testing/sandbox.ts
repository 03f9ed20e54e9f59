import { systemClock, systemIds } from "@headrace/model";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openSandbox } from "../open.ts";
import type { ContainerExit, ContainerSpec, Sandbox } from "../sandbox.ts";

/** A sandbox in a directory of its own, and what tests ask of it. Disposing ends its launcher and removes the directory. */
export interface TestSandbox extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly directory: string;
  /** Starts the container and resolves with its exit and the text that it printed. */
  run(
    spec: Partial<ContainerSpec>,
  ): Promise<{ readonly exit: ContainerExit; readonly output: string; readonly log: string }>;
  spec(overrides: Partial<ContainerSpec>): ContainerSpec;
  exitOf(id: string): Promise<ContainerExit>;
  logOf(spec: ContainerSpec): Promise<string>;
  pause(milliseconds: number): Promise<void>;
}

export async function testSandbox(): Promise<TestSandbox> {
  const directory = await mkdtemp(join(tmpdir(), "headrace-sandbox-"));
  await mkdir(join(directory, "logs"));
  const sandbox = await openSandbox({
    stateDirectory: join(directory, "state"),
    runtimeDirectory: join(directory, "run"),
    clock: systemClock,
    lonelySeconds: 20,
  });
  return { ...around(sandbox, directory), directory, sandbox };
}

function around(sandbox: Sandbox, directory: string) {
  const ended = new Map<string, ContainerExit>();
  const waiting = new Map<string, (exit: ContainerExit) => void>();
  const subscription = sandbox.onExit((exit) => {
    ended.set(exit.id, exit);
    waiting.get(exit.id)?.(exit);
  });
  const exitOf = (id: string): Promise<ContainerExit> => {
    const exit = ended.get(id);
    return exit === undefined ? new Promise((resolve) => waiting.set(id, resolve)) : Promise.resolve(exit);
  };
  const spec = (overrides: Partial<ContainerSpec>): ContainerSpec => {
    const id = overrides.id ?? systemIds.uuid();
    return {
      id,
      group: id,
      cell: { tenant: "team-a/default" },
      hostname: "pod",
      uid: 0,
      gid: 0,
      command: ["true"],
      environment: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/root" },
      workingDirectory: "/",
      mounts: [],
      limits: { processes: 200, sharedMemoryBytes: 64 * 1024 ** 2, ephemeralBytes: 256 * 1024 ** 2 },
      log: { path: join(directory, "logs", id.replaceAll("/", "_")), maxBytes: 10 * 1024 ** 2, maxFiles: 3 },
      ...overrides,
    };
  };
  const run = async (overrides: Partial<ContainerSpec>) => {
    const container = spec(overrides);
    await sandbox.start(container);
    const exit = await exitOf(container.id);
    const log = await readFile(container.log.path, "utf8");
    await sandbox.acknowledge(container.id);
    return { exit, log, output: printed(log) };
  };
  const logOf = (container: ContainerSpec) => readFile(container.log.path, "utf8").catch(() => "");
  const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
  const dispose = async () => {
    subscription[Symbol.dispose]();
    await sandbox.shutdown();
    await rm(directory, { recursive: true, force: true });
  };
  return { run, spec, exitOf, logOf, pause, [Symbol.asyncDispose]: dispose };
}

/** What a container printed, out of its log: full lines end in a line feed, parts do not. */
export function printed(log: string): string {
  return log.replaceAll(/^\S+ (?:stdout|stderr) ([FP]) (.*)\n/gm, (_, tag: string, line: string) =>
    tag === "F" ? `${line}\n` : line,
  );
}
