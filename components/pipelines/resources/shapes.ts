import type { KubeObject } from "@headrace/model";

/** A run as the pages and the command line see it: `runs.headrace.io`, read-only, projected from records. Name = run id. */
export interface Run extends KubeObject {
  readonly spec: {
    readonly displayName: string;
    readonly description: string;
    readonly experiment: { readonly id: string; readonly name: string };
    readonly pipeline: { readonly name: string; readonly id?: string; readonly versionId?: string };
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly pipelineRoot: string;
    readonly serviceAccount: string;
    readonly archived: boolean;
  };
  readonly status: {
    readonly state: "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "CANCELING" | "CANCELED";
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly error?: string;
    /** Steps by state: `{RUNNING: 2, SUCCEEDED: 5}`; containers and importers only. */
    readonly steps: Readonly<Record<string, number>>;
  };
}

/** A node of a run's graph: `tasks.headrace.io`, label `headrace.io/run` = run id. Name = `<first 8 of run id>-<task id>`. */
export interface Task extends KubeObject {
  readonly spec: {
    readonly run: string;
    readonly id: number;
    readonly key: string;
    readonly name: string;
    readonly displayName: string;
    readonly type: "ROOT" | "RUNTIME" | "CONDITION_BRANCH" | "CONDITION" | "LOOP" | "ITERATION" | "EXIT_HANDLER" | "IMPORTER" | "DAG";
    /** Task id of the enclosing DAG; absent for the root. */
    readonly parent?: number;
    readonly iteration?: number;
    /** Names of the sibling tasks that it waits for. */
    readonly dependsOn: readonly string[];
  };
  readonly status: {
    readonly state: "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "SKIPPED" | "CACHED" | "CANCELED";
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly inputs: TaskValues;
    readonly outputs: TaskValues;
    readonly attempts: readonly TaskAttempt[];
    readonly error?: { readonly message: string; readonly tail?: string };
    readonly cachedFrom?: { readonly run: string; readonly task: number };
    /** Number of iterations, once a loop is open. */
    readonly iterations?: number;
    /** Why it does not run yet, in one sentence. */
    readonly waiting?: { readonly summary: string; readonly remedy?: string };
  };
}

export interface TaskValues {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly artifacts: Readonly<Record<string, readonly TaskArtifact[]>>;
}

export interface TaskArtifact {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly uri: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly digest?: string;
  readonly size?: number;
}

export interface TaskAttempt {
  readonly n: number;
  readonly pod: string;
  readonly state: "CREATED" | "RUNNING" | "SUCCEEDED" | "FAILED" | "LOST" | "CANCELED";
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}
