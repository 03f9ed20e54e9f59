import type { Client, ResourceClient } from "@headrace/client";
import { PersistentVolumeClaim } from "@headrace/k8s";
import { isApiError } from "@headrace/model";
import { createOrGet, ifPresent } from "@headrace/runtime";
import { type ClaimOrder, workspaceLabel } from "../core/claim-order.ts";
import { runLabel, taskLabel } from "../core/pod.ts";
import type { Jobs } from "./jobs.ts";
import { isRefusal } from "./pods.ts";

/** How a claim task ended: with the claim's name, or with the reason why not. */
export type ClaimEnd = { readonly name: string } | { readonly refusal: string };

export interface ClaimsOptions {
  readonly client: Client;
  readonly jobs: Jobs;
}

/** Makes and deletes claims for tasks and workspaces. Whatever it does may be done again. */
export class Claims {
  readonly #client: ResourceClient<PersistentVolumeClaim>;
  readonly #jobs: Jobs;

  constructor({ client, jobs }: ClaimsOptions) {
    this.#client = client.resource(PersistentVolumeClaim);
    this.#jobs = jobs;
  }

  /** Does what a task asks for. `again`: an earlier process may have done it, and told nobody. */
  carryOut(
    namespace: string,
    order: ClaimOrder,
    options: { readonly again: boolean; readonly isWanted: () => boolean; readonly done: (end: ClaimEnd) => void },
  ): void {
    this.#jobs.enqueue(async (retried) => {
      if (!options.isWanted()) return;
      const again = options.again || retried;
      options.done(
        await refusable(() =>
          order.action === "create" ? this.#create(order.claim) : this.#delete(namespace, order.name, again),
        ),
      );
    });
  }

  /** Sees to it that the claim is there, then calls `done`. */
  ensure(
    claim: PersistentVolumeClaim,
    options: { readonly isWanted: () => boolean; readonly done: (end: ClaimEnd) => void },
  ): void {
    this.#jobs.enqueue(async () => {
      if (options.isWanted()) options.done(await refusable(() => this.#create(claim)));
    });
  }

  /** Whether there is a claim of that name. */
  async exists(namespace: string, name: string): Promise<boolean> {
    const claim = await ifPresent(this.#client.get({ namespace, name }));
    return claim !== undefined && claim.metadata.deletionTimestamp === undefined;
  }

  /** The workspaces that there are, and whose. */
  async workspaces(): Promise<readonly { readonly ns: string; readonly run: string }[]> {
    const { items } = await this.#client.list({ labelSelector: workspaceLabel });
    return items.map(({ metadata }) => ({
      ns: metadata.namespace ?? "",
      run: metadata.labels?.[workspaceLabel] ?? "",
    }));
  }

  /** The workspace of a run goes, once its last pod has ended. */
  removeWorkspace(ns: string, run: string): void {
    this.#jobs.enqueue(async () => {
      const { items } = await this.#client.list({ namespace: ns, labelSelector: `${workspaceLabel}=${run}` });
      for (const { metadata } of items)
        await ifPresent(this.#client.delete({ namespace: ns, name: metadata.name ?? "" }));
    });
  }

  /** One that is there already is taken for it if its labels say whose it is. */
  async #create(claim: PersistentVolumeClaim): Promise<ClaimEnd> {
    const made = await createOrGet(this.#client, claim);
    const name = claim.metadata.name ?? "";
    const isOurs = [runLabel, taskLabel].every((key) => made.metadata.labels?.[key] === claim.metadata.labels?.[key]);
    if (!isOurs) return { refusal: `persistentvolumeclaims "${name}" already exists, and belongs to something else` };
    if (made.metadata.deletionTimestamp !== undefined)
      return { refusal: `persistentvolumeclaims "${name}" already exists, and is being deleted` };
    return { name };
  }

  async #delete(namespace: string, name: string, again: boolean): Promise<ClaimEnd> {
    try {
      await this.#client.delete({ namespace, name });
    } catch (error) {
      if (!isApiError(error, "NotFound")) throw error;
      if (!again) return { refusal: `cannot find claim "${name}"` };
    }
    return { name };
  }
}

/** What the API refuses for good ends a task; anything else is tried again. */
async function refusable(work: () => Promise<ClaimEnd>): Promise<ClaimEnd> {
  try {
    return await work();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { refusal: error.message };
  }
}
