import type { Clock } from "@headrace/model";
import { join } from "node:path";
import type { Duplex } from "node:stream";

import { describeHost } from "./capabilities.ts";
import { Connection } from "./connection.ts";
import { dialPod } from "./dial.ts";
import { SandboxError } from "./errors.ts";
import { openExec } from "./exec.ts";
import {
  list,
  protocolVersion,
  readExit,
  readHello,
  readStarted,
  readStats,
  type Hello,
  type Message,
} from "./protocol.ts";
import type {
  Capabilities,
  CellSpec,
  ContainerExit,
  ContainerSpec,
  ExecOptions,
  ExecSession,
  PodNetwork,
  Sandbox,
  SandboxStats,
  ServiceAddress,
  Started,
} from "./sandbox.ts";
import { startLauncher } from "./start-launcher.ts";

export interface SandboxOptions {
  /** The launcher's journal and log. Made with mode 0700; on a local file system. */
  readonly stateDirectory: string;
  /** The launcher's sockets. Made with mode 0700; at most 90 bytes, since addresses of sockets are short. */
  readonly runtimeDirectory: string;
  /** The host's interpreter, 3.9 or newer. Default `/usr/bin/python3`. */
  readonly python?: string;
  readonly clock: Clock;
  /** How long a launcher that nobody speaks to and nothing runs in goes on. Default 600. */
  readonly lonelySeconds?: number;
  /** The proxy that this host must use to reach the world, as HTTPS_PROXY has it, and where it need not, as NO_PROXY has it. */
  readonly proxy?: { readonly url: string; readonly direct: string };
  /** How long a cell may take to answer before its interpreter is replaced. Default 10. */
  readonly answerSeconds?: number;
  /** How long an interpreter may take to import its environment's packages. Default 120. */
  readonly readySeconds?: number;
  /** How many containers an interpreter starts before a fresh one takes its place. Default 5,000. */
  readonly zygoteStarts?: number;
  /**
   * Run lightweight Python steps as processes of this user with nothing around them, for hosts without namespaces; refuse all else.
   * Default false.
   */
  readonly plain?: boolean;
}

const socketPathLimit = 107;
const startAttempts = 3;
const reconnectDelays = [0, 50, 200, 1000, 5000];

/**
 * Finds the launcher of these directories or starts one. Containers that an earlier process started are there: ask `sync`
 * first. Throws SandboxError `no-launcher` where this host has no namespaces or no Python for it.
 */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const socketPath = join(options.runtimeDirectory, "launcher.sock");
  if (Buffer.byteLength(socketPath) > socketPathLimit) {
    throw new SandboxError(
      "no-launcher",
      `Cannot use the runtime directory ${options.runtimeDirectory}: a socket's path may have ${socketPathLimit} bytes; choose a shorter one`,
    );
  }
  const sandbox = new LauncherSandbox(options, socketPath);
  await sandbox.connect();
  return sandbox;
}

class LauncherSandbox implements Sandbox {
  readonly #options: SandboxOptions;
  readonly #socketPath: string;
  readonly #listeners = new Set<(exit: ContainerExit) => void>();
  #connection: Connection | undefined;
  #reconnecting: Promise<void> | undefined;
  #capabilities: Capabilities | undefined;
  #network: PodNetwork | undefined;
  /** What a launcher that takes over has to be told again. */
  #services: readonly ServiceAddress[] | undefined;
  #closed = false;

  constructor(options: SandboxOptions, socketPath: string) {
    this.#options = options;
    this.#socketPath = socketPath;
  }

  get capabilities(): Capabilities {
    if (this.#capabilities === undefined)
      throw new SandboxError("closed", "Cannot tell what this host can do: the sandbox is not open");
    return this.#capabilities;
  }

  get network(): PodNetwork | undefined {
    return this.#network;
  }

  async connect(): Promise<void> {
    const connection = await this.#find();
    const hello = readHello(await connection.request("hello"));
    this.#refuseOther(hello, connection);
    this.#capabilities = describeHost(hello);
    this.#network = hello.podNetwork;
    this.#connection = connection;
  }

  async start(spec: ContainerSpec): Promise<Started> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return readStarted(await this.#request("start", { container: spec }));
      } catch (error) {
        if (!(error instanceof SandboxError) || error.code !== "launcher-lost" || attempt === startAttempts)
          throw error;
        const started = await this.#lookFor(spec.id);
        if (started !== undefined) return started;
      }
    }
  }

  /** What became of a start whose launcher died before it answered; undefined if it never came to pass. */
  async #lookFor(id: string): Promise<Started | undefined> {
    const { running, exits } = await this.sync();
    const exit = exits.find((other) => other.id === id);
    if (exit !== undefined) return { id, startedAt: exit.startedAt, address: undefined, warm: false };
    return running.find((other) => other.id === id);
  }

  onExit(listener: (exit: ContainerExit) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async signal(id: string, signal: "SIGTERM" | "SIGKILL" | "SIGINT"): Promise<void> {
    await this.#repeat("signal", { id, signal });
  }

  async acknowledge(id: string): Promise<void> {
    await this.#repeat("acknowledge", { id });
  }

  async sync(): Promise<{ readonly running: readonly Started[]; readonly exits: readonly ContainerExit[] }> {
    const answer = await this.#repeat("sync");
    return { running: list(answer["running"]).map(readStarted), exits: list(answer["exits"]).map(readExit) };
  }

  async removeGroup(group: string): Promise<void> {
    await this.#repeat("remove-group", { group });
  }

  async warm(cell: CellSpec): Promise<void> {
    await this.#repeat("warm", { cell });
  }

  async exec(id: string, options: ExecOptions): Promise<ExecSession> {
    await this.#ready();
    return openExec(this.#socketPath, id, options);
  }

  async dial(address: string, port: number): Promise<Duplex> {
    return dialPod(join(this.#options.runtimeDirectory, "dial.sock"), address, port);
  }

  async setServices(services: readonly ServiceAddress[]): Promise<void> {
    this.#services = services;
    await this.#repeat("services", { services });
  }

  async stats(): Promise<SandboxStats> {
    return readStats(await this.#repeat("stats"));
  }

  async shutdown(): Promise<void> {
    this.#closed = true;
    // If the launcher is gone, one more attempt, and no waiting for the next: nobody else keeps the process alive any more.
    const connection = this.#connection ?? (await this.#find());
    const ended = connection.ended;
    await connection.request("shutdown");
    await ended;
  }

  async disconnect(): Promise<void> {
    this.#closed = true;
    this.#connection?.close();
  }

  async #request(verb: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
    const connection = await this.#ready();
    return connection.request(verb, fields);
  }

  /** For what does no harm if it is done twice: if the launcher dies before it answers, its successor is asked. */
  async #repeat(verb: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#request(verb, fields);
      } catch (error) {
        if (!(error instanceof SandboxError) || error.code !== "launcher-lost" || attempt === startAttempts)
          throw error;
      }
    }
  }

  async #ready(): Promise<Connection> {
    if (this.#closed) throw new SandboxError("closed", "Cannot use the sandbox: it was closed");
    // Whoever needs a launcher that could not be started again has it tried once more.
    if (this.#connection === undefined) this.#reconnecting ??= this.#reconnect();
    await this.#reconnecting;
    if (this.#connection === undefined)
      throw new SandboxError(
        "launcher-lost",
        "Cannot use the sandbox: its launcher is gone and cannot be started again",
      );
    return this.#connection;
  }

  async #find(): Promise<Connection> {
    const reach = () =>
      Connection.open(
        this.#socketPath,
        (message) => this.#hear(message),
        () => this.#lose(),
      );
    try {
      return await reach();
    } catch {
      // Nobody listens: the first to come starts the launcher.
    }
    await startLauncher({
      python: this.#options.python ?? "/usr/bin/python3",
      stateDirectory: this.#options.stateDirectory,
      runtimeDirectory: this.#options.runtimeDirectory,
      lonelySeconds: this.#options.lonelySeconds ?? 600,
      answerSeconds: this.#options.answerSeconds ?? 10,
      readySeconds: this.#options.readySeconds ?? 120,
      zygoteStarts: this.#options.zygoteStarts ?? 5000,
      plain: this.#options.plain ?? false,
      ...(this.#options.proxy && { proxy: this.#options.proxy }),
    });
    return reach();
  }

  #refuseOther(hello: Hello, connection: Connection): void {
    if (hello.protocol === protocolVersion) return;
    connection.close();
    throw new SandboxError(
      "no-launcher",
      `Cannot use the launcher with process id ${hello.pid}: it is of another version of Headrace. Stop the pods of that one first (headrace down)`,
    );
  }

  #hear(message: Message): void {
    const exit = message.exit;
    if (exit === undefined) return;
    // In a later turn, so that a caller who awaits `start` continues before it hears of the end.
    setImmediate(() => this.#tell(exit));
  }

  #tell(exit: ContainerExit): void {
    for (const listener of this.#listeners) listener(exit);
  }

  #lose(): void {
    if (this.#connection === undefined) return;
    this.#connection = undefined;
    if (!this.#closed) this.#reconnecting ??= this.#reconnect();
  }

  /** The launcher was killed or restarted; its successor adopts what runs, and tells again what was not acknowledged. */
  async #reconnect(): Promise<void> {
    try {
      for (const delay of reconnectDelays) {
        await this.#pause(delay);
        if (this.#closed || (await this.#succeed())) return;
      }
    } finally {
      this.#reconnecting = undefined;
    }
  }

  /** False if there is no successor yet, or it died at once: then it is tried again, and the next request says what is wrong. */
  async #succeed(): Promise<boolean> {
    try {
      await this.connect();
      const connection = this.#connection;
      if (connection === undefined) return false;
      if (this.#services !== undefined) await connection.request("services", { services: this.#services });
      const answer = await connection.request("sync");
      for (const exit of list(answer["exits"])) this.#tell(readExit(exit));
      return this.#connection === connection;
    } catch {
      return false;
    }
  }

  #pause(delay: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(delay, resolve));
  }
}
