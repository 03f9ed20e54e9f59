import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, formatTime } from "@headrace/model";
import type { ContainerExit, ContainerSpec, Sandbox, Started } from "@headrace/sandbox";

/** What a simulated container can do. */
export interface SimulatedProcess {
  readonly spec: ContainerSpec;
  /** Aborts on SIGTERM. SIGKILL ends the container whatever the program does. */
  readonly terminated: AbortSignal;
  /** Prints lines to the container's log. */
  print(text: string, stream?: "stdout" | "stderr"): void;
  /** Where a path of the container lies on the host; throws if no volume is mounted there. */
  hostPath(path: string): string;
}

/** Runs a container's "program": resolves with its exit status, 0 if it answers nothing. A throw is status 1 with the message printed. */
export type SimulatedProgram = (process: SimulatedProcess) => Promise<SimulatedEnd | number | void>;

export interface SimulatedEnd {
  readonly exitCode: number;
  readonly reason?: ContainerExit["reason"];
}

export interface SimulatedSandboxOptions {
  readonly clock: Clock;
  /** By default every container succeeds at once. */
  readonly run?: SimulatedProgram;
  /** Connects to a port of a container; by default nobody listens. */
  readonly dial?: Sandbox["dial"];
  /** Runs a further program in a container; by default none can be run. */
  readonly exec?: Sandbox["exec"];
  /** Refuses a start: the error that `start` throws. */
  readonly refuse?: (spec: ContainerSpec) => Error | undefined;
}

export interface SimulatedSandbox extends Sandbox {
  /** Every container that was started, in order. */
  readonly started: readonly ContainerSpec[];
  /** Exits that nobody has acknowledged. */
  readonly unacknowledged: readonly string[];
  readonly groupsRemoved: readonly string[];
  /** Forgets what runs, without an exit: as if the machine had been switched off. */
  loseEverything(): void;
}

interface Running {
  readonly started: Started;
  readonly stop: AbortController;
  readonly kill: () => void;
}

/**
 * The sandbox's contract without isolation and without processes: programs are functions of the test. Like the real one it
 * outlives a node agent, refuses an id that it knows, and tells each exit until it is acknowledged.
 */
export function createSimulatedSandbox(options: SimulatedSandboxOptions): SimulatedSandbox {
  const { clock } = options;
  const run = options.run ?? (async () => 0);
  const started: ContainerSpec[] = [];
  const known = new Set<string>();
  const running = new Map<string, Running>();
  const exits = new Map<string, ContainerExit>();
  const listeners = new Set<(exit: ContainerExit) => void>();
  const groupsRemoved: string[] = [];
  const addresses = new Map<string, string>();

  function addressOf(group: string): string {
    const known = addresses.get(group);
    if (known !== undefined) return known;
    const address = `10.0.${addresses.size >> 8}.${(addresses.size & 255) + 2}`;
    addresses.set(group, address);
    return address;
  }

  function finish(spec: ContainerSpec, startedAt: number, end: SimulatedEnd & { signal?: number }): void {
    if (!running.delete(spec.id)) return;
    const exit: ContainerExit = {
      id: spec.id,
      exitCode: end.exitCode,
      ...(end.signal !== undefined && { signal: end.signal }),
      reason: end.reason ?? (end.exitCode === 0 ? "Completed" : "Error"),
      startedAt,
      finishedAt: clock.now(),
      cpuMillis: 1,
      maxResidentBytes: 1 << 20,
    };
    exits.set(spec.id, exit);
    for (const listener of listeners) listener(exit);
  }

  function launch(spec: ContainerSpec): Started {
    const stop = new AbortController();
    const startedAt = clock.now();
    const begun: Started = { id: spec.id, startedAt, address: addressOf(spec.group), warm: spec.warm !== undefined };
    running.set(spec.id, { started: begun, stop, kill: () => finish(spec, startedAt, { exitCode: 137, signal: 9 }) });
    const print: SimulatedProcess["print"] = (text, stream = "stdout") => {
      const lines = text.replace(/\n$/, "").split("\n");
      const time = formatTime(clock.now()).replace("Z", ".000000000Z");
      appendFileSync(spec.log.path, lines.map((line) => `${time} ${stream} F ${line}\n`).join(""));
    };
    const program: SimulatedProcess = {
      spec,
      terminated: stop.signal,
      print,
      hostPath: (path) => hostPath(spec, path),
    };
    void run(program).then(
      (end) => finish(spec, startedAt, typeof end === "object" ? end : { exitCode: end ?? 0 }),
      (error: unknown) => {
        print(String(error), "stderr");
        finish(spec, startedAt, { exitCode: 1 });
      },
    );
    return begun;
  }

  return {
    capabilities: { mode: "process", cgroups: "none", findings: [] },
    async start(spec) {
      const refusal = options.refuse?.(spec);
      if (refusal !== undefined) throw refusal;
      if (known.has(spec.id))
        throw Object.assign(new TypeError(`Cannot start ${spec.id}: it was started before`), {
          code: "already-started",
        });
      known.add(spec.id);
      started.push(spec);
      return launch(spec);
    },
    onExit(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async signal(id, signal) {
      const container = running.get(id);
      if (signal === "SIGKILL") container?.kill();
      else container?.stop.abort();
    },
    async acknowledge(id) {
      exits.delete(id);
    },
    async sync() {
      return { running: [...running.values()].map(({ started }) => started), exits: [...exits.values()] };
    },
    async removeGroup(group) {
      groupsRemoved.push(group);
    },
    network: undefined,
    exec: options.exec ?? (async (id) => Promise.reject(new RangeError(`Nothing can be run in ${id}`))),
    dial:
      options.dial ?? (async (address, port) => Promise.reject(new RangeError(`Nobody listens at ${address}:${port}`))),
    async setServices() {},
    async warm() {},
    async stats() {
      return { cells: [], launcherBytes: 0 };
    },
    async shutdown() {
      for (const { kill } of running.values()) kill();
    },
    async disconnect() {},
    started,
    get unacknowledged() {
      return [...exits.keys()];
    },
    groupsRemoved,
    loseEverything() {
      running.clear();
    },
  };
}

function hostPath(spec: ContainerSpec, path: string): string {
  const mount = spec.mounts.findLast(
    ({ kind, target }) => kind === "bind" && (path === target || path.startsWith(`${target}/`)),
  );
  if (mount?.kind !== "bind") throw new RangeError(`Nothing is mounted at ${path}`);
  return join(mount.source, path.slice(mount.target.length));
}
