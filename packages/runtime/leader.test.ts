import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { testApi } from "@headrace/apiserver/testing";
import type { Client } from "@headrace/client";
import { builtIns, Lease } from "@headrace/k8s";
import { ApiError } from "@headrace/model";
import { runAsLeader } from "./leader.ts";

const lease = { namespace: "default", name: "controllers" };

function electing() {
  const api = testApi(builtIns.filter(({ kind }) => kind !== "Namespace"));
  const { clock } = api;
  const terms: string[] = [];
  const errors: unknown[] = [];

  function stand(identity: string, client: Client = api.client) {
    const stop = new AbortController();
    const finished = runAsLeader({
      client,
      clock,
      lease,
      identity,
      signal: stop.signal,
      onError: (error) => errors.push(error),
      async lead(signal) {
        terms.push(`${identity} leads`);
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        terms.push(`${identity} stops`);
      },
    });
    return {
      async resign() {
        stop.abort();
        await clock.settle();
        await finished;
      },
    };
  }
  return { api, clock, terms, errors, stand };
}

describe("leader election", () => {
  test("lets one lead at a time, and the next as soon as the first resigns", async () => {
    const { api, clock, terms, stand } = electing();
    const a = stand("a");
    await clock.advance(1_000);
    const b = stand("b");
    await clock.advance(60_000);
    assert.deepEqual(terms, ["a leads"]);
    await a.resign();
    await clock.advance(2_000);
    assert.deepEqual(terms, ["a leads", "a stops", "b leads"]);
    const held = await api.client.resource(Lease).get(lease);
    assert.equal(held.spec.holderIdentity, "b");
    await b.resign();
    assert.equal(clock.pending, 0);
    await api[Symbol.asyncDispose]();
  });

  test("takes over from a leader that died, after its lease and not before", async () => {
    const { api, clock, terms, stand } = electing();
    const spec = { holderIdentity: "dead", leaseDurationSeconds: 15 };
    await api.client
      .resource(Lease)
      .create({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: lease, spec });
    const b = stand("b");
    await clock.advance(14_000);
    assert.deepEqual(terms, []);
    await clock.advance(3_000);
    assert.deepEqual(terms, ["b leads"]);
    await b.resign();
    await api[Symbol.asyncDispose]();
  });

  test("makes a leader that cannot renew step down before another may lead", async () => {
    const { api, clock, terms, stand } = electing();
    let isCut = false;
    const a = stand("a", {
      resource(definition) {
        const real = api.client.resource(definition);
        return {
          ...real,
          get(key) {
            return isCut ? Promise.reject(new ApiError("ServiceUnavailable", "cut")) : real.get(key);
          },
        };
      },
    });
    await clock.advance(1_000);
    const b = stand("b");
    await clock.advance(1_000);
    isCut = true;
    await clock.advance(30_000);
    assert.deepEqual(terms, ["a leads", "a stops", "b leads"]);
    await a.resign();
    await b.resign();
    await api[Symbol.asyncDispose]();
  });
});
