import type { PodStatus } from "@headrace/k8s";
import { isApiError } from "@headrace/model";
import { afterThisTurn } from "@headrace/runtime";
import type { NodeServices } from "./node-services.ts";
import { finalForObject, persist } from "./retry.ts";

const againMs = 1000;

/** Brings one pod's status into the API. Of several changes during a write only the last state is written. */
export class StatusWriter {
  readonly #services: NodeServices;
  readonly #key: { readonly namespace: string; readonly name: string };
  readonly #uid: string;
  readonly #current: () => PodStatus | undefined;
  #written = "";
  #writing: Promise<void> | undefined;
  #stale = false;

  /** `current` answers the status as it is now, or undefined once there is no object to write it to. */
  constructor(
    services: NodeServices,
    metadata: { readonly namespace?: string; readonly name?: string; readonly uid?: string },
    current: () => PodStatus | undefined,
  ) {
    this.#services = services;
    this.#key = { namespace: metadata.namespace ?? "", name: metadata.name ?? "" };
    this.#uid = metadata.uid ?? "";
    this.#current = current;
  }

  /** Writes unless the API has it already. Nobody waits for it. */
  publish(): void {
    if (this.#writing === undefined) this.#writing = this.#writeLatest();
    else this.#stale = true;
  }

  /** Resolves when the present status is in the API, or never will be. */
  async publishForCertain(): Promise<void> {
    await this.#writing;
    await afterThisTurn();
    const { clock, signal, onError } = this.#services;
    await persist({ clock, signal, onError, final: finalForObject }, () => this.#write());
  }

  async #writeLatest(): Promise<void> {
    do {
      this.#stale = false;
      try {
        await this.#write();
      } catch (error) {
        this.#failed(error);
      }
    } while (this.#stale);
    this.#writing = undefined;
  }

  #failed(error: unknown): void {
    if (finalForObject.some((reason) => isApiError(error, reason)) || this.#services.signal.aborted) return;
    this.#services.onError(error);
    this.#services.clock.after(againMs, () => this.publish());
  }

  async #write(): Promise<void> {
    const status = this.#current();
    if (status === undefined) return;
    const text = JSON.stringify(status);
    if (text === this.#written) return;
    const body = { metadata: { uid: this.#uid }, status };
    await this.#services.pods.patch(this.#key, { type: "merge", body }, { subresource: "status" });
    this.#written = text;
  }
}
