import { systemClock, systemIds } from "@headrace/model";
import { eventually } from "@headrace/model/testing";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openSandbox, type SandboxOptions } from "../open.ts";
import type { ContainerExit, ContainerSpec, Sandbox } from "../sandbox.ts";

/** A sandbox in a directory of its own, and what tests ask of it. Disposing ends its launcher and removes the directory. */
export interface TestSandbox extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly directory: string;
  /** Starts the container and resolves with its exit and the text that it printed. */
  run(
    overrides: Partial<ContainerSpec>,
  ): Promise<{ readonly exit: ContainerExit; readonly output: string; readonly log: string }>;
  spec(overrides: Partial<ContainerSpec>): ContainerSpec;
  exitOf(id: string): Promise<ContainerExit>;
  logOf(container: ContainerSpec): Promise<string>;
  /** What is in the container's log once these words are. */
  logged(container: ContainerSpec, words: string | RegExp): Promise<string>;
  pause(milliseconds: number): Promise<void>;
  /** The same launcher, seen by another process; disposing this one then leaves it alone. */
  again(): Promise<TestSandbox>;
  launcherProcess(): Promise<number>;
  /** What the successor of the launcher with this process id says. */
  syncAfter(launcher: number): ReturnType<Sandbox["sync"]>;
  cellProcesses(): Promise<number[]>;
  pumpProcess(): Promise<number>;
  relayProcess(): Promise<number>;
  /** The interpreters that containers are forked from. */
  zygoteProcesses(): Promise<number[]>;
  /** Kills them, as an out-of-memory killer might. */
  killZygotes(): Promise<void>;
}

export async function testSandbox(options: Partial<SandboxOptions> = {}): Promise<TestSandbox> {
  const directory = await mkdtemp(join(tmpdir(), "headrace-sandbox-"));
  await mkdir(join(directory, "logs"));
  return openTestSandbox(directory, options);
}

async function openTestSandbox(directory: string, options: Partial<SandboxOptions>): Promise<TestSandbox> {
  const runtimeDirectory = join(directory, "run");
  // The host's interpreter may be another one, to see that all of them will do.
  const python = process.env["HEADRACE_TEST_PYTHON"];
  const sandbox = await openSandbox({
    ...(python !== undefined && { python }),
    stateDirectory: join(directory, "state"),
    runtimeDirectory,
    clock: systemClock,
    lonelySeconds: 20,
    ...options,
  });
  const exits = collectExits(sandbox);
  let handedOver = false;

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

  const cellProcesses = async () => {
    const names = (await readdir(runtimeDirectory)).filter((name) => /^cell-\d+\.json$/.test(name));
    const facts = await Promise.all(names.map((name) => readFile(join(runtimeDirectory, name), "utf8")));
    return facts.map((content) => Number(/"pid": (\d+)/.exec(content)?.[1]));
  };

  /** A cell whose interpreter is being replaced has none for a moment. */
  const zygoteProcesses = async () => {
    const zygoteOf = (cell: number) =>
      eventually(`cell ${cell} has an interpreter`, async () => {
        const children = await readFile(`/proc/${cell}/task/${cell}/children`, "utf8");
        return Number.parseInt(children, 10) || undefined;
      });
    return Promise.all((await cellProcesses()).map(zygoteOf));
  };

  const logOf = (container: ContainerSpec) => readFile(container.log.path, "utf8").catch(() => "");

  return {
    sandbox,
    directory,
    spec,
    exitOf: exits.of,
    logOf,
    logged: (container, words) =>
      eventually(`the log says ${words}`, async () => {
        const log = await logOf(container);
        return log.search(words) >= 0 && log;
      }),
    pause: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    async run(overrides) {
      const container = spec(overrides);
      await sandbox.start(container);
      const exit = await exits.of(container.id);
      const log = await readFile(container.log.path, "utf8");
      await sandbox.acknowledge(container.id);
      return { exit, log, output: printed(log) };
    },
    again() {
      handedOver = true;
      return openTestSandbox(directory, options);
    },
    launcherProcess: () => ownerOf(join(runtimeDirectory, "launcher.lock")),
    async syncAfter(launcher) {
      return eventually("another launcher answers", async () => {
        const answer = await sandbox.sync().catch(() => undefined);
        const owner = await ownerOf(join(runtimeDirectory, "launcher.lock"));
        return owner !== launcher && answer;
      });
    },
    cellProcesses,
    pumpProcess: () => childOf(join(runtimeDirectory, "launcher.lock"), "headrace-pump"),
    relayProcess: () => childOf(join(runtimeDirectory, "launcher.lock"), "headrace-relay"),
    zygoteProcesses,
    async killZygotes() {
      for (const zygote of await zygoteProcesses()) process.kill(zygote, "SIGKILL");
    },
    async [Symbol.asyncDispose]() {
      exits[Symbol.dispose]();
      if (handedOver) return;
      await sandbox.shutdown();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The launcher writes its process id into its lock. */
async function ownerOf(lock: string): Promise<number> {
  return Number(await readFile(lock, "utf8"));
}

async function childOf(lock: string, name: string): Promise<number> {
  const launcher = await ownerOf(lock);
  const children = await readFile(`/proc/${launcher}/task/${launcher}/children`, "utf8");
  for (const child of children.trim().split(" ")) {
    if ((await readFile(`/proc/${child}/comm`, "utf8")).trim() === name) return Number(child);
  }
  return Number.NaN;
}

function collectExits(sandbox: Sandbox) {
  const ended = new Map<string, ContainerExit>();
  const waiting = new Map<string, (exit: ContainerExit) => void>();
  const take = (exit: ContainerExit) => {
    ended.set(exit.id, exit);
    waiting.get(exit.id)?.(exit);
  };
  const subscription = sandbox.onExit(take);
  const synced = sandbox.sync().then(({ exits }) => exits.forEach(take));
  const of = async (id: string): Promise<ContainerExit> => {
    await synced;
    const exit = ended.get(id);
    return exit === undefined ? new Promise((resolve) => waiting.set(id, resolve)) : exit;
  };
  return { of, [Symbol.dispose]: () => subscription[Symbol.dispose]() };
}

/** What a container printed, out of its log: full lines end in a line feed, parts do not. */
export function printed(log: string): string {
  return log.replaceAll(/^\S+ (?:stdout|stderr) ([FP]) (.*)\n/gm, (_, tag: string, line: string) =>
    tag === "F" ? `${line}\n` : line,
  );
}
