import { type Command, InvalidArgumentError } from "commander";
import type { Surroundings } from "./environment.ts";
import type { Collection, ItemVerb } from "./kfp.ts";
import type { Terminal } from "./terminal.ts";

/** How the program runs an action, and gathers flags that may be repeated. */
export interface ProgramParts {
  readonly surroundings: Surroundings;
  readonly finish: (command: Command, action: (terminal: Terminal) => Promise<number>) => Promise<void>;
  readonly collect: (value: string, previous: readonly string[]) => readonly string[];
}

/** `headrace <kinds> <verb>`: pipelines, experiments, runs, recurring runs and artifacts. */
export function addResourceCommands(program: Command, parts: ProgramParts): void {
  addPipelines(program, parts);
  addExperiments(program, parts);
  addRuns(program, parts);
  addRecurringRuns(program, parts);
  addArtifacts(program, parts);
}

function addPipelines(program: Command, { surroundings: { home }, finish }: ProgramParts): void {
  const load = () => import("./commands/pipelines.ts");
  const pipelines = program.command("pipelines").description("Keep pipelines and their versions");
  listFlags(pipelines.command("list").description("List pipelines, the newest first")).action(async (flags, command) =>
    finish(command, async (terminal) => (await load()).listPipelines(flags, home, terminal)),
  );
  pipelines
    .command("get <pipeline...>")
    .description("Show pipelines, by id or name; with `-o yaml` all that is known")
    .action(async (references, _flags, command) =>
      finish(command, async (terminal) =>
        (await import("./kfp.ts")).showItems((await load()).pipelines, references, home, terminal),
      ),
    );
  pipelines
    .command("versions <pipeline>")
    .description("List a pipeline's versions, the newest first; with `-o yaml` their specs as well")
    .action(async (reference, _flags, command) =>
      finish(command, async (terminal) => (await load()).listVersions(reference, home, terminal)),
    );
  pipelines
    .command("upload <file>")
    .description("Keep a compiled pipeline; under a name that is known, as its next version")
    .option("--name <name>", "name of the pipeline (default: the one in the file)")
    .option("--version-name <name>", "name of the version")
    .option("--description <text>", "what it is for")
    .addHelpText("after", "\nExample:\n  headrace pipelines upload train.yaml --name train")
    .action(async (file, flags, command) =>
      finish(command, async (terminal) => (await load()).upload(file, flags, home, terminal)),
    );
  pipelines
    .command("delete <pipeline...>")
    .description("Delete pipelines with all their versions; their runs stay")
    .action(async (references, _flags, command) =>
      finish(command, async (terminal) => (await load()).deletePipelines(references, home, terminal)),
    );
}

function addExperiments(program: Command, parts: ProgramParts): void {
  const {
    surroundings: { home },
    finish,
  } = parts;
  const load = () => import("./commands/experiments.ts");
  const experiments = program.command("experiments").description("Group runs");
  archivable(listFlags(experiments.command("list").description("List experiments, the newest first"))).action(
    async (flags, command) =>
      finish(command, async (terminal) => (await load()).listExperiments(flags, home, terminal)),
  );
  experiments
    .command("create <name>")
    .description("Make an experiment, and print its id")
    .option("--description <text>", "what it is for")
    .option("-n, --namespace <name>", "namespace to make it in")
    .action(async (name, flags, command) =>
      finish(command, async (terminal) => (await load()).createExperiment(name, flags, home, terminal)),
    );
  experiments
    .command("get <experiment...>")
    .description("Show experiments, by id or name")
    .action(async (references, _flags, command) =>
      finish(command, async (terminal) =>
        (await import("./kfp.ts")).showItems((await load()).experiments, references, home, terminal),
      ),
    );
  addVerbs(experiments, "experiment", async () => (await load()).experiments, parts, {
    archive: "Put experiments away, with their runs; their schedules stop",
    unarchive: "Take experiments out of the archive again; their runs stay there",
    delete: "Delete experiments; their runs stay",
  });
}

function addRuns(program: Command, parts: ProgramParts): void {
  const {
    surroundings: { home },
    finish,
    collect,
  } = parts;
  const load = () => import("./commands/runs.ts");
  const runs = program.command("runs").description("Look at runs, and stop, repeat and tidy them");
  archivable(listFlags(runs.command("list").description("List runs, the newest first")))
    .option("--experiment <experiment>", "those of one experiment, by id or name")
    .option("--state <state>", "those in one state, such as failed")
    .addHelpText("after", "\nExample:\n  headrace runs list --state failed --limit 5")
    .action(async (flags, command) =>
      finish(command, async (terminal) => (await load()).listRuns(flags, home, terminal)),
    );
  runs
    .command("get <run...>")
    .description("Show runs, by id, the beginning of it, or name; with `-o yaml` all that is known")
    .action(async (references, _flags, command) =>
      finish(command, async (terminal) => (await load()).getRuns(references, home, terminal)),
    );
  addVerbs(runs, "run", async () => (await load()).runs, parts, {
    terminate: "Stop runs and all their pods",
    archive: "Put runs away",
    unarchive: "Take runs out of the archive again",
    delete: "Delete runs, with their logs and what no other run uses",
  });
  runs
    .command("retry <run>")
    .description("Run again what failed, and follow it")
    .option(
      "--from <task>",
      "also run again this task and all that waited for it, by key or its end (repeatable)",
      collect,
      [],
    )
    .addHelpText("after", "\nExample:\n  headrace runs retry 3f6c9a52 --from train")
    .action(async (reference, flags, command) =>
      finish(command, async (terminal) => (await load()).retryRun(reference, flags, home, terminal)),
    );
  runs
    .command("clone <run>")
    .description("Run the same pipeline once more, with the same inputs or others, and follow it")
    .option("-p, --parameter <name=value>", "an input that is to be another one (repeatable)", collect, [])
    .option("--name <name>", "display name of the new run")
    .addHelpText("after", "\nExample:\n  headrace runs clone 3f6c9a52 -p max_iter=400")
    .action(async (reference, flags, command) =>
      finish(command, async (terminal) => (await load()).cloneRun(reference, flags, home, terminal)),
    );
}

function addRecurringRuns(program: Command, parts: ProgramParts): void {
  const { surroundings, finish, collect } = parts;
  const { home } = surroundings;
  const load = () => import("./commands/recurring-runs.ts");
  const recurring = program.command("recurring-runs").description("Run pipelines by the clock");
  listFlags(recurring.command("list").description("List recurring runs, the newest first"))
    .option("--experiment <experiment>", "those of one experiment, by id or name")
    .action(async (flags, command) =>
      finish(command, async (terminal) => (await load()).listRecurringRuns(flags, home, terminal)),
    );
  recurring
    .command("get <recurring-run...>")
    .description("Show recurring runs, by id, the beginning of it, or name; with `-o yaml` all that is known")
    .action(async (references, _flags, command) =>
      finish(command, async (terminal) =>
        (await import("./kfp.ts")).showItems((await load()).recurringRuns, references, home, terminal),
      ),
    );
  recurring
    .command("create <name>")
    .description("Make a recurring run, and print its id")
    .option("--file <file>", "the pipeline, compiled or as .py, to which it stays bound")
    .option("--pipeline <pipeline>", "a pipeline that is kept, by id or name: each run takes its latest version")
    .option("--cron <expression>", "when: seconds, minutes, hours, days, months and days of the week, or @daily")
    .option("--every <duration>", "or how often, such as 90s or 1h30m")
    .option("--start <time>", "not before this time (RFC 3339)")
    .option("--end <time>", "not after this time (RFC 3339)")
    .option("-p, --parameter <name=value>", "an input: text, JSON or @file (repeatable)", collect, [])
    .option("--experiment <name>", "experiment to file its runs under; made if absent")
    .option("--max-concurrency <number>", "runs that may go on at a time, 1 to 10", "1")
    .option("--no-catchup", "of the ticks that were missed run only the latest")
    .option("--disabled", "leave it to be enabled later", false)
    .addHelpText(
      "after",
      '\nExample:\n  headrace recurring-runs create nightly --pipeline train --cron "0 30 3 * * *" -p epochs=5',
    )
    .action(async (name, flags, command) =>
      finish(command, async (terminal) => (await load()).createRecurringRun(name, flags, surroundings, terminal)),
    );
  addVerbs(recurring, "recurring-run", async () => (await load()).recurringRuns, parts, {
    enable: "Let recurring runs make runs again",
    disable: "Let recurring runs make no more runs; those that go on stay",
    delete: "Delete recurring runs, and stop their runs that have not ended",
  });
}

function addArtifacts(program: Command, { surroundings: { home }, finish }: ProgramParts): void {
  const load = () => import("./commands/artifacts.ts");
  const artifacts = program.command("artifacts").description("Look at what steps made, and fetch it");
  listFlags(artifacts.command("list").description("List artifacts, the newest first"))
    .option("--run <run>", "what one run made, by id, the beginning of it, or name")
    .option("--type <type>", "those of one type, such as Model")
    .action(async (flags, command) =>
      finish(command, async (terminal) => (await load()).listArtifacts(flags, home, terminal)),
    );
  artifacts
    .command("get <artifact>")
    .description("Show an artifact, or fetch its bytes")
    .option("--to <file>", "write its bytes there; a folder comes as tar.gz; `-` is standard output")
    .addHelpText("after", "\nExample:\n  headrace artifacts get 7d1c2b6a --to model.pkl")
    .action(async (reference, flags, command) =>
      finish(command, async (terminal) => (await load()).getArtifact(reference, flags, home, terminal)),
    );
}

/** A command for each verb, which takes any number of items. */
function addVerbs<T>(
  group: Command,
  item: string,
  collection: () => Promise<Collection<T>>,
  { surroundings: { home }, finish }: ProgramParts,
  descriptions: { readonly [verb in ItemVerb]?: string },
): void {
  for (const [verb, description] of Object.entries(descriptions) as readonly [ItemVerb, string][]) {
    group
      .command(`${verb} <${item}...>`)
      .description(description)
      .action(async (references, _flags, command) =>
        finish(command, async (terminal) =>
          (await import("./kfp.ts")).changeItems(await collection(), verb, references, home, terminal),
        ),
      );
  }
}

const defaultLimit = 50;

function listFlags(command: Command): Command {
  return command
    .option("-n, --namespace <name>", "those of one namespace")
    .option("--limit <number>", "at most so many", readLimit, defaultLimit);
}

const archivable = (command: Command): Command => command.option("--archived", "what was put away instead", false);

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw new InvalidArgumentError("It must be a whole number above 0.");
}
