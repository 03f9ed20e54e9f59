import type { Container, Probe } from "@headrace/k8s";
import { runInContainer } from "./commands.ts";
import type { NodeServices } from "./node-services.ts";
import { startProbes } from "./probes.ts";

export interface PodProbesListener {
  /** What the probes say of the pod has changed. */
  changed(): void;
  unhealthy(message: string): void;
  dead(container: Container, kind: "Liveness" | "Startup", probe: Probe): void;
}

/** The probes of a pod's running containers, and what they say at present. */
export class PodProbes {
  readonly #services: NodeServices;
  readonly #listener: PodProbesListener;
  readonly #running = new Map<string, Disposable>();
  readonly #unready = new Set<string>();
  readonly #starting = new Set<string>();

  constructor(services: NodeServices, listener: PodProbesListener) {
    this.#services = services;
    this.#listener = listener;
  }

  /** Names of running containers whose readiness probe has not said yes. */
  get unready(): ReadonlySet<string> {
    return this.#unready;
  }

  /** Names of running containers whose startup probe has not said yes. */
  get starting(): ReadonlySet<string> {
    return this.#starting;
  }

  /** `instance` is the container's id in the sandbox. Only containers with probes have any; the others are ready as soon as they run. */
  start(container: Container, instance: string, address: string | undefined): void {
    const { name, startupProbe, readinessProbe, livenessProbe } = container;
    if (startupProbe === undefined && readinessProbe === undefined && livenessProbe === undefined) return;
    this.end(name);
    if (startupProbe !== undefined) this.#starting.add(name);
    this.#unready.add(name);
    const { clock, sandbox } = this.#services;
    const dial = sandbox.dial.bind(sandbox);
    const run = (command: readonly string[], timeoutMs: number) =>
      runInContainer(sandbox, clock, instance, command, timeoutMs);
    const probes = startProbes(
      { container, address, dial, run, clock },
      {
        started: () => {
          this.#starting.delete(name);
          this.#listener.changed();
        },
        ready: (ready) => {
          if (ready) this.#unready.delete(name);
          else this.#unready.add(name);
          this.#listener.changed();
        },
        unhealthy: (kind, message) => this.#listener.unhealthy(`${kind} probe failed: ${message}`),
        dead: (kind, probe) => this.#listener.dead(container, kind, probe),
      },
    );
    this.#running.set(name, probes);
  }

  end(name: string): void {
    this.#running.get(name)?.[Symbol.dispose]();
    this.#running.delete(name);
    this.#starting.delete(name);
    this.#unready.delete(name);
  }
}
