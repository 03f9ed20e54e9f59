import { version } from "@headrace/platform/version";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Surroundings } from "./environment.ts";
import { addResourceCommands } from "./resource-program.ts";
import { createTerminal, describeError, type Format, formats, type Terminal } from "./terminal.ts";

interface GlobalFlags {
  readonly output: Format;
  readonly debug: boolean;
}

const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];
/** The commands and their flags. Each command's code is loaded only when it runs. */
export function createProgram(surroundings: Surroundings): Command {
  const finish = (command: Command, action: (terminal: Terminal) => Promise<number>): Promise<void> =>
    run(command, surroundings, action);
  const program = new Command("headrace")
    .description("Kubeflow in one process")
    .version(version, "-V, --version")
    .addOption(new Option("-o, --output <format>", "how to print results").choices(formats).default("text"))
    .option("--debug", "print stacks with errors", false)
    .configureHelp({ showGlobalOptions: true });

  program
    .command("up")
    .description("Start Headrace and stay in the foreground")
    .option("--data-dir <dir>", "where everything is kept (default: $HEADRACE_HOME or ~/.headrace)")
    .option("--port <port>", "port of the gateway; 0 picks a free one", readPort, "8080")
    .option("--kube-port <port>", "port of the Kubernetes API; 0 picks a free one", readPort, "6443")
    .option(
      "--s3-port <port>",
      "port for S3 clients on this machine (default: 9000, or a free one if that is taken)",
      readPort,
    )
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .addOption(new Option("--auth <mode>", "who may call").choices(["local", "token"]).default("local"))
    .option("--share <dir[:ro]>", "show a folder of yours at the same path in steps (repeatable)", collect, [])
    .option("--allow-store <host:port>", "let artifacts be kept in a store on this machine (repeatable)", collect, [])
    .option(
      "--allow-fetch <host[:port]>",
      "let pipelines be fetched from a host that is not on the public internet (repeatable)",
      collect,
      [],
    )
    .option("--no-sandbox", "run steps as plain processes of yours: lightweight Python alone, and nothing confines it")
    .option("--detach", "return once it is ready, and leave it running", false)
    .addHelpText("after", "\nExample:\n  headrace up --detach")
    .action(async (flags, command) =>
      finish(command, async (terminal) => (await import("./commands/up.ts")).up(flags, surroundings, terminal)),
    );

  program
    .command("down")
    .description("Stop Headrace; nothing of it is left running")
    .option("--keep-pods", "leave pods running; the next `up` finds them", false)
    .addHelpText("after", "\nExample:\n  headrace down")
    .action(async (flags, command) =>
      finish(command, async (terminal) =>
        (await import("./commands/down.ts")).down(surroundings.home, flags, terminal),
      ),
    );

  program
    .command("status")
    .description("Say what runs, where, and since when")
    .addHelpText("after", "\nExample:\n  headrace status --output json | jq -r .kubeconfig")
    .action(async (_flags, command) =>
      finish(command, async (terminal) => (await import("./commands/status.ts")).status(surroundings.home, terminal)),
    );

  program
    .command("token <user>")
    .description("Issue a bearer token for a user of `--auth token`, and print it once")
    .option("--admin", "let the user do everything, as a member of system:masters", false)
    .option("--group <group>", "put the user into a group (repeatable)", collect, [])
    .option("--revoke", "make all tokens of the user worthless instead", false)
    .addHelpText("after", "\nExample:\n  headrace token ana --admin")
    .action(async (user, flags, command) =>
      finish(command, async (terminal) =>
        (await import("./commands/token.ts")).token(user, flags, surroundings.home, terminal),
      ),
    );

  program
    .command("run <file>")
    .description("Run a pipeline (.py or compiled .yaml), follow it, and print its outputs")
    .option("-p, --parameter <name=value>", "an input: text, JSON or @file (repeatable)", collect, [])
    .option("--pipeline <function>", "which pipeline of a Python file that has several")
    .option("--name <name>", "display name of the run")
    .option("--experiment <name>", "experiment to file it under; made if absent")
    .option("--no-cache", "run every step, even those that ran before")
    .option("--cache-max-age <duration>", "reuse only what really ran within this time, such as 24h")
    .option("--keep-going", "let a failed task stop only what waits for it", false)
    .option("--detach", "print the run's id once it is submitted, and leave it running", false)
    .addHelpText("after", "\nExample:\n  headrace run examples/digits/pipeline.py -p max_iter=200")
    .action(async (file, flags, command) =>
      finish(command, async (terminal) =>
        (await import("./commands/run.ts")).runFile(file, flags, surroundings, terminal),
      ),
    );

  addResourceCommands(program, { surroundings, finish, collect });

  program
    .command("logs <run> [task]")
    .description("Print the log of a run's steps, or of one; the run by id, the beginning of it, or name")
    .option("-f, --follow", "go on as the log grows", false)
    .addHelpText("after", "\nExample:\n  headrace logs 3f6c9a52 root/train")
    .action(async (run, task, flags, command) =>
      finish(command, async (terminal) =>
        (await import("./commands/logs.ts")).logs(run, task, flags, surroundings.home, terminal),
      ),
    );

  program
    .command("explain <kind/name>")
    .description("Say why a run, task, pod or claim waits or failed, and what to do")
    .option("-n, --namespace <name>", "namespace of the object (default: wherever it is found)")
    .addHelpText("after", "\nExample:\n  headrace explain run/3f6c9a52")
    .action(async (ref, flags, command) =>
      finish(command, async (terminal) =>
        (await import("./commands/explain.ts")).explain(ref, flags, surroundings.home, terminal),
      ),
    );

  program
    .command("gc")
    .description("Free what nobody needs any more: bytes of deleted runs, environments that no step used for long")
    .option("--dry-run", "only say what would be freed", false)
    .option("--unused-days <n>", "keep environments that were used within so many days", "30")
    .addHelpText("after", "\nExample:\n  headrace gc --dry-run")
    .action(async (flags, command) =>
      finish(command, async (terminal) => (await import("./commands/gc.ts")).gc(flags, surroundings, terminal)),
    );

  program
    .command("backup <file>")
    .description("Write all of a running Headrace to one file: a tar, or a compressed one if its name ends with .gz")
    .addHelpText("after", "\nExample:\n  headrace backup headrace.tar.gz")
    .action(async (file, _flags, command) =>
      finish(command, async (terminal) =>
        (await import("./commands/backup.ts")).backup(file, surroundings.home, terminal),
      ),
    );

  program
    .command("restore <file>")
    .description("Make a data directory of what `headrace backup` wrote")
    .option("--data-dir <dir>", "where it goes: not there yet, or empty (default: $HEADRACE_HOME or ~/.headrace)")
    .addHelpText("after", "\nExample:\n  headrace restore headrace.tar.gz --data-dir ~/restored")
    .action(async (file, flags, command) =>
      finish(command, async (terminal) =>
        (await import("./commands/restore.ts")).restore(file, flags, surroundings.home, terminal),
      ),
    );

  program
    .command("doctor")
    .description("Say what this machine can and cannot do for Headrace, with the remedies")
    .option("--self-test", "try from within containers what steps must not be able to do", false)
    .addHelpText("after", "\nExample:\n  headrace doctor --self-test")
    .action(async (flags, command) =>
      finish(command, async (terminal) => (await import("./commands/doctor.ts")).doctor(flags, surroundings, terminal)),
    );

  program
    .command("demo")
    .description("Run the digits example twice: once for real, once from cache")
    .addHelpText("after", "\nExample:\n  headrace demo")
    .action(async (_flags, command) =>
      finish(command, async (terminal) => (await import("./commands/demo.ts")).demo(surroundings, terminal)),
    );

  program
    .command("version")
    .description("Print the version")
    .action(async (_flags, command) =>
      finish(command, async (terminal) => {
        if (terminal.json) terminal.value({ version, node: process.versions.node });
        else terminal.print(`headrace ${version} (Node ${process.versions.node})`);
        return 0;
      }),
    );
  return program;
}

function readPort(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return text;
  throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
}

/** Runs a command's action; its number is the exit status. */
async function run(
  command: Command,
  surroundings: Surroundings,
  action: (terminal: Terminal) => Promise<number>,
): Promise<void> {
  const { output, debug } = command.optsWithGlobals<GlobalFlags>();
  const terminal = createTerminal(surroundings, { format: output });
  try {
    process.exitCode = await action(terminal);
  } catch (error) {
    terminal.note(describeError(error, debug));
    process.exitCode = 1;
  }
}
