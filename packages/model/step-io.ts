/**
 * What a pod's step reads and writes, declared by the engine in one annotation and honoured by the node agent, which knows
 * nothing of pipelines: what to mount, what to collect after the exit, and where to report.
 */
export const stepIOAnnotation = "headrace.io/step-io";
/** Set by the engine on pods whose command is the standard prelude of a lightweight Python component: see WarmEntry. */
export const warmEntryAnnotation = "headrace.io/warm-entry";
/** Packages that the step's prelude asks pip for; the node resolves them into the environment beforehand. */
export const environmentAnnotation = "headrace.io/environment";

export interface StepIO {
  /** Artifacts: the bytes at `uri` appear at `path` in the container. `write` trees are created empty; `read` ones must exist. */
  readonly artifacts: readonly { readonly path: string; readonly uri: string; readonly mode: "read" | "write" }[];
  /** One writable directory of the attempt's own in the container. */
  readonly scratch: string;
  /**
   * Small files to send with the report: absolute paths beneath `scratch` or a `write` artifact, whose folders are made ahead.
   * Missing ones are left out. `limit` in bytes.
   */
  readonly files: readonly { readonly path: string; readonly limit: number }[];
  /** What to measure after the exit (size, digest), by name of the output: URIs within the `write` artifacts. */
  readonly outputs: readonly StepOutputPlace[];
  /** URI that what the step printed is copied to before its end is reported, apart from what it can write to itself; absent: it is not. */
  readonly log?: string;
  /** Path on the gateway that takes the StepReport. */
  readonly report: string;
}

export interface StepOutputPlace {
  readonly name: string;
  readonly uri: string;
  /**
   * The step may say that it wrote the output elsewhere: as a path beneath `scratch`, at this JSON pointer in one of `files`.
   * It is moved to `uri` before it is measured.
   */
  readonly elsewhere?: { readonly file: string; readonly pointer: string };
}

export interface StepReport {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly exitCode: number;
  /** Kubernetes' container reasons: Completed, Error, OOMKilled, ContainerCannotRun, DeadlineExceeded … or `Lost`. */
  readonly reason: string;
  readonly message: string;
  /** Milliseconds since the epoch; undefined if the container never started. */
  readonly startedAt?: number;
  readonly finishedAt: number;
  /** Text by path, as in StepIO; what was over its limit is in `refused` instead, with the reason. */
  readonly files: Readonly<Record<string, string>>;
  readonly refused: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, StepOutput>>;
  /** Of the copy that StepIO asked for; absent too if the step never came to print anything. */
  readonly log?: Pick<StepOutput & { readonly kind: "file" }, "size" | "digest">;
  /** The last lines of the log, at most 4 KiB. */
  readonly tail: string;
  /** Set if no room was left on the disk that the step's artifacts and scratch directory lie on: its log may be cut short, too. */
  readonly diskFull?: true;
}

/** `digest` is `sha256:<hex>`: of the bytes for a file, of the sorted listing with digests for a tree. */
export type StepOutput =
  | { readonly kind: "file" | "tree"; readonly size: number; readonly digest: string; readonly files: number }
  | { readonly kind: "missing" }
  | { readonly kind: "refused"; readonly reason: string };

/** `headrace.io/environment`: pip's arguments, understood. Several groups are several installs, in order: the later wins. */
export interface EnvironmentRequest {
  readonly installs: readonly PipInstall[];
}

export interface PipInstall {
  readonly requirements: readonly string[];
  readonly indexUrl?: string;
  readonly extraIndexUrls?: readonly string[];
  readonly trustedHosts?: readonly string[];
  readonly noDeps?: boolean;
}

/**
 * `headrace.io/warm-entry`: the step is `python3 -m kfp.dsl.executor_main` over `source`, so a warm interpreter may run it
 * in place of the command. `commandDigest` is sha256 (hex) of the JSON of command followed by args; the node verifies it, so
 * that an edited pod takes the ordinary path. Source and arguments are not repeated here: they are the command's own words at
 * the given indices of command followed by args.
 */
export interface WarmEntry {
  readonly kind: "kfp-executor";
  readonly commandDigest: string;
  readonly sourceIndex: number;
  /** Index of the first argument of executor_main after the module path; the rest follow it. */
  readonly argumentsIndex: number;
}
