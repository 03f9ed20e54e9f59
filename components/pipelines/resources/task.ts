import { defineResource, type ResourceOf, s, type TypeOf } from "@headrace/model";

/** Tasks that do something themselves: groups only hold them. */
export const stepTypes = ["RUNTIME", "IMPORTER"] as const;

export const isStepType = (type: string): boolean => stepTypes.some((each) => each === type);

/** Label of tasks and pods: the id of their run. */
export const runLabel = "headrace.io/run";

/** Name of a task's object, and its key in the change feed. */
export const taskName = (run: string, id: number): string => `${run.slice(0, 8)}-${id}`;

/** The id in such a name. */
export function taskNumber(name: string): number | undefined {
  const digits = /^[0-9a-f-]{8}-(\d{1,15})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

const taskStates = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED", "CACHED", "CANCELED"] as const;
const attemptStates = ["CREATED", "RUNNING", "SUCCEEDED", "FAILED", "LOST", "CANCELED"] as const;
const taskTypes = [
  "ROOT",
  "RUNTIME",
  "CONDITION_BRANCH",
  "CONDITION",
  "LOOP",
  "ITERATION",
  "EXIT_HANDLER",
  "IMPORTER",
  "DAG",
] as const;

const artifact = s.object(
  {
    id: s.integer({ format: "int64" }),
    name: s.string(),
    type: s.string(),
    uri: s.string(),
    metadata: s.preserveUnknown(),
  },
  { digest: s.string(), size: s.integer({ format: "int64" }) },
);

const values = s.object({ parameters: s.preserveUnknown(), artifacts: s.map(s.list(artifact)) });

const attempt = s.object(
  { n: s.integer(), pod: s.string(), state: s.string({ enum: attemptStates }) },
  {
    exitCode: s.integer(),
    reason: s.string(),
    message: s.string(),
    startedAt: s.microTime(),
    finishedAt: s.microTime(),
  },
);

/** A node of a run's graph: read-only, projected from records. Its name is `<first 8 of the run's id>-<task id>`. */
export const tasks = defineResource({
  group: "headrace.io",
  version: "v1alpha1",
  kind: "Task",
  description: "A node of a run's graph: a step, a group of steps, or one iteration of a loop.",
  categories: ["headrace"],
  spec: s.object(
    {
      run: s.string(),
      id: s.integer({ format: "int64" }),
      key: s.string({ description: "Path in the run: root/for-loop-2[3]/train." }),
      name: s.string(),
      displayName: s.string(),
      type: s.string({ enum: taskTypes }),
      dependsOn: s.list(s.string(), {}),
    },
    {
      runName: s.string({ description: "Display name of the run." }),
      parent: s.integer({ format: "int64", description: "Task id of the enclosing DAG; absent for the root." }),
      iteration: s.integer(),
    },
  ),
  fields: {
    status: s.object(
      { state: s.string({ enum: taskStates }), inputs: values, outputs: values, attempts: s.list(attempt) },
      {
        startedAt: s.microTime(),
        finishedAt: s.microTime(),
        error: s.object({ message: s.string() }, { tail: s.string() }),
        cachedFrom: s.object({ run: s.string(), task: s.integer({ format: "int64" }) }),
        iterations: s.integer({ description: "Number of iterations, once a loop is open." }),
        waiting: s.object(
          { summary: s.string({ description: "Why it does not run yet, in one sentence." }) },
          { remedy: s.string() },
        ),
      },
    ),
  },
  columns: [
    { name: "Key", value: (task) => task.spec.key },
    { name: "State", value: (task) => task.status.state },
    { name: "Type", priority: 1, value: (task) => task.spec.type },
  ],
  searchText: ({ spec }) => `${spec.displayName} ${spec.key} ${spec.runName ?? ""}`,
  selectableFields: ["spec.run", "spec.id", "spec.type", "status.state"],
  readOnly: true,
  tracksGeneration: false,
});

export type Task = ResourceOf<typeof tasks>;
export type TaskValues = TypeOf<typeof values>;
export type TaskArtifact = TypeOf<typeof artifact>;
export type TaskAttempt = TypeOf<typeof attempt>;
