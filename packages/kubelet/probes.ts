import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Duplex } from "node:stream";
import { connect as connectSecurely } from "node:tls";
import type { Container, Probe } from "@headrace/k8s";
import type { Clock } from "@headrace/model";
import type { CommandResult } from "./commands.ts";

/** Opens a connection to a port of a pod. */
type Dial = (address: string, port: number) => Promise<Duplex>;

export interface ProbeTarget {
  readonly container: Container;
  /** Undefined where pods have no network: then only commands can ask. */
  readonly address: string | undefined;
  readonly dial: Dial;
  /** Runs a command in the container. */
  readonly run: (command: readonly string[], timeoutMs: number) => Promise<CommandResult>;
  readonly clock: Clock;
}

export interface ProbeListener {
  /** The startup probe has said yes; comes at once without one. */
  started(): void;
  ready(ready: boolean): void;
  /** A liveness or startup probe has said no too often: the container has to be restarted. */
  dead(kind: "Liveness" | "Startup", probe: Probe): void;
  unhealthy(kind: "Liveness" | "Readiness" | "Startup", message: string): void;
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

/**
 * Asks a running container again and again how it is, until disposed. The startup probe comes first and alone; without a
 * readiness probe a container is ready once it has started.
 */
export function startProbes(target: ProbeTarget, listener: ProbeListener): Disposable {
  const { container } = target;
  const running: Disposable[] = [];
  const startOthers = (): void => {
    listener.started();
    const { livenessProbe, readinessProbe } = container;
    if (readinessProbe === undefined) listener.ready(true);
    else {
      running.push(
        repeat(target, readinessProbe, {
          failed: (message) => listener.unhealthy("Readiness", message),
          changed: (ok) => listener.ready(ok),
        }),
      );
    }
    if (livenessProbe !== undefined) running.push(repeat(target, livenessProbe, deadly("Liveness", livenessProbe)));
  };

  function deadly(kind: "Liveness" | "Startup", probe: Probe): Verdicts {
    return {
      failed: (message) => listener.unhealthy(kind, message),
      changed: (ok) => {
        if (!ok) listener.dead(kind, probe);
      },
    };
  }

  const { startupProbe } = container;
  if (startupProbe === undefined) startOthers();
  else {
    const { failed, changed } = deadly("Startup", startupProbe);
    const startup = repeat(target, startupProbe, {
      failed,
      changed: (ok) => {
        startup[Symbol.dispose]();
        if (ok) startOthers();
        else changed(ok);
      },
    });
    running.push(startup);
  }
  return { [Symbol.dispose]: () => running.forEach((probe) => probe[Symbol.dispose]()) };
}

interface Verdicts {
  failed(message: string): void;
  /** After as many answers in a row as the threshold says, if the verdict is a new one. The first verdict is always new. */
  changed(ok: boolean): void;
}

function repeat(target: ProbeTarget, probe: Probe, verdicts: Verdicts): Disposable {
  const { clock } = target;
  let disposed = false;
  let verdict: boolean | undefined;
  let inARow = 0;
  let last: boolean | undefined;
  let timer = clock.after(1000 * (probe.initialDelaySeconds ?? 0), () => void ask());

  async function ask(): Promise<void> {
    const outcome = await askOnce(target, probe);
    if (disposed) return;
    const { ok } = outcome;
    inARow = ok === last ? inARow + 1 : 1;
    last = ok;
    const message = outcome.ok ? "" : outcome.message;
    if (!ok) verdicts.failed(message);
    const enough = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (inARow >= enough && verdict !== ok) {
      verdict = ok;
      verdicts.changed(ok);
    }
    if (!disposed) timer = clock.after(1000 * (probe.periodSeconds ?? 10), () => void ask());
  }

  return {
    [Symbol.dispose]() {
      disposed = true;
      timer[Symbol.dispose]();
    },
  };
}

function askOnce(target: ProbeTarget, probe: Probe): Promise<Outcome> {
  const timeoutMs = 1000 * (probe.timeoutSeconds ?? 1);
  if (probe.httpGet !== undefined) return askHttp(target, probe.httpGet, timeoutMs);
  if (probe.exec !== undefined) return askCommand(target, probe.exec.command ?? [], timeoutMs);
  if (probe.tcpSocket !== undefined) return askTcp(target, probe.tcpSocket.port, timeoutMs);
  return Promise.resolve({ ok: true });
}

/** A name stands for a port that the container declares. */
function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === "number") return port;
  if (/^\d+$/.test(port)) return Number(port);
  return container.ports?.find(({ name }) => name === port)?.containerPort;
}

async function askCommand(target: ProbeTarget, command: readonly string[], timeoutMs: number): Promise<Outcome> {
  const { exitCode, output } = await target.run(command, timeoutMs);
  return exitCode === 0 ? { ok: true } : { ok: false, message: output || `command ended with ${exitCode}` };
}

const noNetwork: Outcome = { ok: false, message: "pods have no network on this node (see headrace doctor)" };

async function askTcp(target: ProbeTarget, name: number | string, timeoutMs: number): Promise<Outcome> {
  const port = portNumber(target.container, name);
  if (port === undefined) return { ok: false, message: `no port is named "${name}"` };
  const { address } = target;
  if (address === undefined) return noNetwork;
  const timeout = Promise.withResolvers<Outcome>();
  const message = `dial ${address}:${port}: timed out`;
  const timer = target.clock.after(timeoutMs, () => timeout.resolve({ ok: false, message }));
  const outcome = await Promise.race([timeout.promise, dialOnce(target, address, port)]);
  timer[Symbol.dispose]();
  return outcome;
}

async function dialOnce({ dial }: ProbeTarget, address: string, port: number): Promise<Outcome> {
  try {
    (await dial(address, port)).on("error", () => {}).destroy();
    return { ok: true };
  } catch (error) {
    return { ok: false, message: `dial ${address}:${port}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function askHttp(target: ProbeTarget, get: NonNullable<Probe["httpGet"]>, timeoutMs: number): Promise<Outcome> {
  const port = portNumber(target.container, get.port);
  if (port === undefined) return Promise.resolve({ ok: false, message: `no port is named "${get.port}"` });
  const { address } = target;
  if (address === undefined) return Promise.resolve(noNetwork);
  const secure = get.scheme === "HTTPS";
  return new Promise((resolve) => {
    const request = (secure ? requestHttps : requestHttp)({
      host: address,
      port,
      path: get.path || "/",
      headers: {
        "user-agent": "kube-probe/1.33",
        accept: "*/*",
        connection: "close",
        ...Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value])),
      },
      createConnection: (_, deliver) => {
        target.dial(address, port).then(
          (socket) => deliver(null, secure ? encrypt(socket) : socket),
          (error: unknown) => request.destroy(error instanceof Error ? error : undefined),
        );
        return null;
      },
    });
    const timer = target.clock.after(timeoutMs, () => end({ ok: false, message: "HTTP probe timed out" }));
    function end(outcome: Outcome): void {
      timer[Symbol.dispose]();
      request.destroy();
      resolve(outcome);
    }
    request.once("response", ({ statusCode = 0 }) =>
      end(
        statusCode >= 200 && statusCode < 400
          ? { ok: true }
          : { ok: false, message: `HTTP probe failed with statuscode: ${statusCode}` },
      ),
    );
    request.on("error", (error) => end({ ok: false, message: `HTTP probe failed: ${error.message}` }));
    request.end();
  });
}

/** A probe asks whether the server answers, not who it is: as upstream, certificates are not checked. */
function encrypt(socket: Duplex): Duplex {
  return connectSecurely({ socket, rejectUnauthorized: false });
}
