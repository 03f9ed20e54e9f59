import type { Client } from "@headrace/client";
import { Lease } from "@headrace/k8s";
import { formatMicroTime, isApiError, type Clock, type ObjectKey } from "@headrace/model";
import { pause } from "./pause.ts";

export interface LeaderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly lease: ObjectKey;
  /** Unique for each process that stands for election. */
  readonly identity: string;
  /** How long others wait after the last renewal that they saw; 15 s unless told otherwise. */
  readonly leaseMs?: number;
  /** A leader that could not renew for this long steps down; 10 s. Shorter than `leaseMs`, or two would lead at a time. */
  readonly renewWithinMs?: number;
  /** Between two attempts; 2 s. */
  readonly retryMs?: number;
  /** The leader's work. Its signal aborts when the lease is lost; the next term waits until it has returned. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  readonly onError?: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/**
 * Stands for election until the signal aborts, and leads whenever elected. The clocks of the candidates need not agree: each
 * measures from the moment at which it saw the lease change. On a clean stop the lease is given back at once.
 */
export async function runAsLeader(options: LeaderOptions): Promise<void> {
  const { clock, identity, signal } = options;
  const leases = options.client.resource(Lease);
  const leaseMs = options.leaseMs ?? 15_000;
  const renewWithinMs = options.renewWithinMs ?? 10_000;
  const retryMs = options.retryMs ?? 2_000;
  let seen: { lease: Lease; at: number } | undefined;

  while (!signal.aborted) {
    if (await attempt()) await lead();
    await pause(clock, retryMs, signal);
  }

  async function attempt(): Promise<boolean> {
    try {
      return await acquireOrRenew();
    } catch (error) {
      if (!isApiError(error, "Conflict") && !isApiError(error, "AlreadyExists")) options.onError?.(error);
      return false;
    }
  }

  async function acquireOrRenew(): Promise<boolean> {
    const current = await read();
    if (!current) {
      remember(await leases.create(claim(undefined)));
      return true;
    }
    if (seen?.lease.metadata.resourceVersion !== current.metadata.resourceVersion) remember(current);
    const holder = current.spec?.holderIdentity ?? "";
    const age = seen ? clock.monotonic() - seen.at : 0;
    if (holder !== "" && holder !== identity && age < leaseMs) return false;
    remember(await leases.update(claim(current)));
    return true;
  }

  async function read(): Promise<Lease | undefined> {
    try {
      return await leases.get(options.lease);
    } catch (error) {
      if (isApiError(error, "NotFound")) return undefined;
      throw error;
    }
  }

  function remember(lease: Lease): void {
    seen = { lease, at: clock.monotonic() };
  }

  function claim(current: Lease | undefined): Lease {
    const now = formatMicroTime(clock.now());
    const ours = current?.spec?.holderIdentity === identity;
    const transitions = current?.spec?.leaseTransitions ?? 0;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: current?.metadata ?? { namespace: options.lease.namespace, name: options.lease.name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseMs / 1000),
        acquireTime: ours ? (current?.spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: current && !ours ? transitions + 1 : transitions,
      },
    };
  }

  async function lead(): Promise<void> {
    const term = new AbortController();
    const stop = () => term.abort();
    signal.addEventListener("abort", stop, { once: true });
    const work = options.lead(term.signal).catch((error: unknown) => options.onError?.(error));
    const finished = work.then(() => term.abort());
    await keep(term);
    await finished;
    signal.removeEventListener("abort", stop);
    await giveBack();
  }

  /** Renews until the term ends, and ends it when renewing has failed for too long. */
  async function keep(term: AbortController): Promise<void> {
    let renewedAt = clock.monotonic();
    while (!term.signal.aborted) {
      await pause(clock, retryMs, term.signal);
      if (term.signal.aborted) return;
      if (await attempt()) renewedAt = clock.monotonic();
      else if (clock.monotonic() - renewedAt >= renewWithinMs || heldByAnother()) term.abort();
    }
  }

  function heldByAnother(): boolean {
    const holder = seen?.lease.spec?.holderIdentity ?? "";
    return holder !== "" && holder !== identity;
  }

  async function giveBack(): Promise<void> {
    if (!seen || heldByAnother()) return;
    const { lease } = seen;
    try {
      remember(await leases.update({ ...lease, spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 } }));
    } catch (error) {
      // Then the others wait for its time to pass.
      options.onError?.(error);
    }
  }
}
