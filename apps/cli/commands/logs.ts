import { once } from "node:events";
import type { Client } from "@headrace/client";
import { runs, tasks, type Run, type Task } from "@headrace/pipelines/resources";
import { connect, type Connection } from "../connection.ts";
import { findItem } from "../kfp.ts";
import { CommandError, type Terminal } from "../terminal.ts";
import { runs as runItems } from "./runs.ts";

/** Prints what a run's steps wrote. `wanted` is a task's key or the end of one. Resolves to the exit status. */
export async function logs(
  run: string,
  wanted: string | undefined,
  flags: { follow: boolean },
  home: string,
  terminal: Terminal,
): Promise<number> {
  const connection = connect(home);
  const found = await findRun(connection, run);
  const steps = await findSteps(connection.client, found, wanted);
  for (const step of steps) {
    if (steps.length > 1) terminal.note(terminal.paint("bold", `── ${step.spec.key} ──`));
    for (const attempt of step.status.attempts) {
      if (attempt.startedAt === undefined) {
        terminal.note(`${step.spec.key} has not begun, so it has no log: headrace explain task/${step.metadata.name}`);
      } else {
        await printLog(connection, found, attempt.pod, flags.follow && attempt.finishedAt === undefined);
      }
    }
  }
  return 0;
}

/** A run by its id, the beginning of it, or its name. Throws CommandError that says what was found instead. */
export async function findRun(connection: Connection, reference: string): Promise<Run> {
  const id = runItems.idOf(await findItem(connection, runItems, reference));
  const { items } = await connection.client.resource(runs).list({ fieldSelector: `metadata.name=${id}` });
  const [run] = items;
  if (run === undefined) throw new CommandError(`Run ${id} was deleted just now`);
  return run;
}

async function findSteps(client: Client, run: Run, wanted: string | undefined): Promise<readonly Task[]> {
  const all = await client
    .resource(tasks)
    .list({ namespace: run.metadata.namespace ?? "", labelSelector: `headrace.io/run=${run.metadata.name}` });
  const steps = all.items.filter((task) => task.status.attempts.length > 0);
  if (wanted === undefined) return steps;
  const matching = steps.filter(({ spec }) => spec.key === wanted || spec.key.endsWith(`/${wanted}`));
  if (matching.length > 0) return matching;
  throw new CommandError(`Run ${run.metadata.name} has no step ${wanted} with a log`, {
    remedy: `It has: ${steps.map(({ spec }) => spec.key).join(", ") || "none yet"}`,
  });
}

async function printLog(connection: Connection, run: Run, pod: string, follow: boolean): Promise<void> {
  const path = follow
    ? `/kube/api/v1/namespaces/${run.metadata.namespace}/pods/${pod}/log?follow=true`
    : `/apis/v1alpha1/runs/${run.metadata.name}/nodes/${pod}/log`;
  // Whoever reads may be slower than the log is long.
  for await (const chunk of connection.stream(path, new AbortController().signal)) {
    if (!process.stdout.write(chunk)) await once(process.stdout, "drain");
  }
}
