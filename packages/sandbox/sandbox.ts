import type { Duplex, Readable, Writable } from "node:stream";

/**
 * Processes in isolation. Knows no Pod: a container here is a command in a private root with limits, in the network of its
 * group. One launcher per node serves the door; it outlives this process, so containers do too.
 */
export interface Sandbox {
  /** What this host can do and cannot, with the remedy. */
  readonly capabilities: Capabilities;
  /** What pods are told of their network; undefined where they have only a loopback of their own. */
  readonly network: PodNetwork | undefined;
  /**
   * Resolves when the container's process runs. Starting an id that the launcher knows is refused with `already-started`. A
   * program that cannot be run rejects with `start-failed`, and its exit with reason `StartError` is delivered as well. If the
   * launcher dies meanwhile, its successor is asked what became of the container, and starts it if nothing did: never twice.
   */
  start(spec: ContainerSpec): Promise<Started>;
  /** Called once for each exit, again after a reconnect until `acknowledge`. */
  onExit(listener: (exit: ContainerExit) => void): Disposable;
  /** Signals the first process; SIGKILL ends the whole tree. */
  signal(id: string, signal: "SIGTERM" | "SIGKILL" | "SIGINT"): Promise<void>;
  acknowledge(id: string): Promise<void>;
  /** Ids that run now and exits not acknowledged: what a restarted agent asks first. */
  sync(): Promise<{ readonly running: readonly Started[]; readonly exits: readonly ContainerExit[] }>;
  /** Frees the group's network and cgroup after its last container. */
  removeGroup(group: string): Promise<void>;
  /** Prepares a cell ahead of its first container; resolves when its zygote is ready. */
  warm(cell: CellSpec): Promise<void>;
  /** Runs a further program in a container that runs; rejects with `not-found` if it does not. */
  exec(id: string, options: ExecOptions): Promise<ExecSession>;
  /** A connection to a port of a pod, which listens there already; rejects with `not-found` if nobody does. */
  dial(address: string, port: number): Promise<Duplex>;
  /** Addresses within `network.services` that lead to Headrace, by name or number; replaces all that were set before. */
  setServices(services: readonly ServiceAddress[]): Promise<void>;
  stats(): Promise<SandboxStats>;
  /** Ends every container, cell and the launcher itself. */
  shutdown(): Promise<void>;
  /** Lets go of the socket; containers go on. */
  disconnect(): Promise<void>;
}

/** A pod reaches its own tenant's pods and the services; the world by `proxy` alone, never the host's own addresses. */
export interface PodNetwork {
  /** For HTTP_PROXY and HTTPS_PROXY of containers; NO_PROXY must then hold `services`, `pods` and the names of services. */
  readonly proxy: string;
  /** Address ranges in CIDR form. */
  readonly services: string;
  readonly pods: string;
}

export interface ServiceAddress {
  readonly address: string;
  readonly port: number;
  /** `host:port` on this host, or the path of a unix socket. */
  readonly target: string;
  /** Each form in full that pods may ask for, before or after a domain of `CellSpec.search` was added. */
  readonly names: readonly string[];
  /**
   * Whether each connection begins with a header of the PROXY protocol, version 2, which names in the type 0xE0 the group whose
   * connection it is. No container can write one before it, or come from the address of another group.
   */
  readonly introduces: boolean;
}

export interface ExecOptions {
  readonly command: readonly string[];
  /** A terminal: one stream for input and output, and sizes. */
  readonly tty: boolean;
  /** Added to the container's own. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
}

/** The program is killed when the session's connection ends, and with its container. */
export interface ExecSession {
  /** Ending it ends the program's input. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Empty with a terminal. */
  readonly stderr: Readable;
  /** Never rejects; a program that could not be run has a message. */
  readonly exit: Promise<ExecResult>;
  resize(columns: number, rows: number): void;
  kill(): void;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly message?: string;
}

/** (tenant, environment): what shares an interpreter. */
export interface CellSpec {
  /** Namespace and service account: nothing is shared across tenants. */
  readonly tenant: string;
  /** Domains in which short names are looked for, the first one first; the same for all cells of a tenant. Six at most. */
  readonly search?: readonly string[];
  /** Absent: the bare cell, which only executes commands. */
  readonly environment?: {
    readonly digest: string;
    /** Directory to mount read-only at the same path. */
    readonly path: string;
    /** The interpreter within it. */
    readonly python: string;
    readonly preload: readonly string[];
    /** Further trees that the interpreter needs, mounted read-only at the same path (its base installation). */
    readonly trees: readonly string[];
  };
}

export interface ContainerSpec {
  /** Unique for ever: `<pod uid>/<container>/<restart>`. */
  readonly id: string;
  /** Containers of one group share network, ipc and uts: a pod. */
  readonly group: string;
  readonly cell: CellSpec;
  readonly hostname: string;
  readonly uid: number;
  readonly gid: number;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** Run the zygote's KFP entry in place of `command`. */
  readonly warm?: { readonly entry: "kfp-executor"; readonly source: string; readonly arguments: readonly string[] };
  readonly mounts: readonly Mount[];
  readonly limits: Limits;
  readonly log: { readonly path: string; readonly maxBytes: number; readonly maxFiles: number };
  /** `name address` pairs for /etc/hosts besides the usual. */
  readonly hosts?: readonly { readonly address: string; readonly names: readonly string[] }[];
}

export type Mount =
  | {
      readonly kind: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      /** A directory that containers write to: the source has to lie in it, and is reached from it without following any link. */
      readonly within?: string;
    }
  | { readonly kind: "tmpfs"; readonly target: string; readonly sizeBytes: number };

export interface Limits {
  readonly memoryBytes?: number;
  readonly cpuMillis?: number;
  readonly cpuRequestMillis?: number;
  readonly processes: number;
  readonly sharedMemoryBytes: number;
  readonly ephemeralBytes: number;
}

export interface Started {
  readonly id: string;
  readonly startedAt: number;
  /** Address of the group on the bridge; undefined without a network of its own. */
  readonly address: string | undefined;
  readonly warm: boolean;
}

export interface ContainerExit {
  readonly id: string;
  readonly exitCode: number;
  /** Set when a signal ended it; exitCode is then 128 + signal. */
  readonly signal?: number;
  /** `Lost`: what it ran in has ended, or it did while no launcher was there to see how: no fault of its own. */
  readonly reason: "Completed" | "Error" | "OOMKilled" | "StartError" | "Lost";
  readonly message?: string;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly cpuMillis: number;
  readonly maxResidentBytes: number;
}

export interface Capabilities {
  readonly mode: "root" | "user" | "process";
  readonly cgroups: "v1" | "v2" | "none";
  readonly findings: readonly Finding[];
}

/** One line of `headrace doctor`. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

export interface SandboxStats {
  readonly cells: readonly {
    readonly tenant: string;
    readonly environment: string | undefined;
    readonly containers: number;
    readonly residentBytes: number;
  }[];
  readonly launcherBytes: number;
}
