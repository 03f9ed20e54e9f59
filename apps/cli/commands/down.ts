import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "@headrace/model";
import { awaitRelease, findRunning } from "@headrace/platform";
import { CommandError, type Terminal } from "../terminal.ts";

/** Longer than the longest grace that a pod gets at the end. */
const patience = 60_000;

/** Stops the Headrace that holds the data directory and waits until nothing of it is left. Resolves to the exit status. */
export async function down(home: string, flags: { keepPods: boolean }, terminal: Terminal): Promise<number> {
  const running = findRunning(home);
  if (running === undefined) {
    terminal.note(`No Headrace runs on ${home}`);
    return 0;
  }
  process.kill(running.pid, flags.keepPods ? "SIGUSR2" : "SIGTERM");
  if (!awaitRelease(home, patience)) {
    throw new CommandError(`Headrace (pid ${running.pid}) still runs after ${patience / 1000} s`, {
      remedy: `Read ${home}/logs/headrace.log; \`kill -9 ${running.pid}\` ends it and leaves its pods running`,
    });
  }
  await untilEnded(running.pid);
  if (terminal.json) terminal.value({ stopped: running.pid });
  else terminal.print(`Headrace (pid ${running.pid}) has stopped`);
  return 0;
}

/** The directory is free a moment before its process has ended. No event tells of the end of a process that is not our child. */
async function untilEnded(pid: number): Promise<void> {
  const deadline = systemClock.now() + patience;
  while (isAlive(pid) && systemClock.now() < deadline) {
    await pause(5);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
