import { once } from "node:events";
import { createPlatform, keepHeapSmall, StartError, type Running } from "@headrace/platform";
import { startDetached, type StartAnswer } from "../connection.ts";
import type { Surroundings } from "../environment.ts";
import { buildPages, pagesDirectory } from "../pages.ts";
import type { Terminal } from "../terminal.ts";

export interface UpFlags {
  readonly dataDir?: string;
  readonly port: string;
  readonly kubePort: string;
  readonly s3Port?: string;
  readonly host: string;
  readonly auth: "local" | "token";
  readonly share: readonly string[];
  readonly sandbox: boolean;
  readonly allowStore: readonly string[];
  readonly allowFetch: readonly string[];
  readonly detach: boolean;
}

/** Starts the platform and stays until a signal, or in the background with `--detach`. Resolves to the exit status. */
export async function up(flags: UpFlags, surroundings: Surroundings, terminal: Terminal): Promise<number> {
  const home = flags.dataDir ?? surroundings.home;
  if (flags.detach) {
    announce(await startDetached(home, backgroundFlags(flags)), terminal);
    return 0;
  }
  try {
    return await serve(home, flags, surroundings, terminal);
  } catch (error) {
    tellParent({
      error: error instanceof Error ? error.message : String(error),
      ...(error instanceof StartError && { remedy: error.remedy }),
    });
    throw error;
  }
}

async function serve(home: string, flags: UpFlags, surroundings: Surroundings, terminal: Terminal): Promise<number> {
  // Listening first: who asks while it starts, or as soon as it reads that it is ready, has it stop in order, too.
  const asked = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM"), once(process, "SIGUSR2")]);
  keepHeapSmall();
  const platform = await createPlatform({
    dataDirectory: home,
    cacheDirectory: surroundings.cache,
    runtimeDirectory: surroundings.runtime,
    host: flags.host,
    port: Number(flags.port),
    kubePort: Number(flags.kubePort),
    ...(flags.s3Port !== undefined && { s3Port: Number(flags.s3Port) }),
    auth: flags.auth,
    shares: flags.share,
    sandboxed: flags.sandbox,
    allowedStores: flags.allowStore,
    allowedFetches: flags.allowFetch,
    packaging: surroundings.packaging,
    ...(surroundings.cronTimeZone !== undefined && { cronTimeZone: surroundings.cronTimeZone }),
    ...(surroundings.retention && { retention: surroundings.retention }),
    ...(surroundings.publishLogs !== undefined && { publishLogs: surroundings.publishLogs }),
    dashboard: pagesDirectory,
    log: (line) => terminal.note(line),
  });
  if (isAbandoned()) {
    await platform.stop({ keepPods: false });
    return 1;
  }
  announce(platform.running, terminal);
  tellParent({ running: platform.running });
  const stopBuilding = buildPages((line) => terminal.note(line));
  const [signal] = await asked;
  stopBuilding();
  await platform.stop({ keepPods: signal === "SIGUSR2" });
  return 0;
}

function announce(running: Running, terminal: Terminal): void {
  if (terminal.json) {
    const { gateway, kube, s3, kubeconfig, dataDir, pid } = running;
    terminal.value({ gateway, kube, s3, kubeconfig, dataDir, pid });
  } else {
    terminal.print(`Headrace is ready at ${running.gateway}  (KUBECONFIG=${running.kubeconfig})`);
  }
}

function tellParent(answer: StartAnswer): void {
  if (!isAbandoned()) process.send?.(answer);
}

/** Whether who started it in the background, and waited for it, was interrupted: then nobody has asked for it any more. */
const isAbandoned = (): boolean => process.send !== undefined && !process.connected;

function backgroundFlags(flags: UpFlags): readonly string[] {
  return [
    "--port",
    flags.port,
    "--kube-port",
    flags.kubePort,
    ...(flags.s3Port === undefined ? [] : ["--s3-port", flags.s3Port]),
    ...(flags.sandbox ? [] : ["--no-sandbox"]),
    "--host",
    flags.host,
    "--auth",
    flags.auth,
    ...flags.share.flatMap((share) => ["--share", share]),
    ...flags.allowStore.flatMap((store) => ["--allow-store", store]),
    ...flags.allowFetch.flatMap((host) => ["--allow-fetch", host]),
  ];
}
