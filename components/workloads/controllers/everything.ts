import type { Client } from "@headrace/client";
import type { Clock, KubeObject, ResourceDefinition } from "@headrace/model";
import { createInformer, type Informer } from "@headrace/runtime";

/** A copy of every kind that is kept, shared by those who have to know what exists: owner collection and namespaces. */
export interface Everything {
  readonly kinds: readonly WatchedKind[];
  /** Any kind that is served, kept or read-only, by group and kind. */
  find(apiVersion: string, kind: string): ResourceDefinition | undefined;
  start(signal: AbortSignal): Promise<void>;
}

export interface WatchedKind {
  readonly definition: ResourceDefinition;
  readonly informer: Informer<KubeObject>;
}

export interface EverythingOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly definitions: readonly ResourceDefinition[];
  readonly onError: (error: unknown) => void;
}

/** Kinds that vanish by themselves (events) and read-only ones own nothing and need no collecting. One version of each kind is watched. */
export function createEverything({ client, clock, definitions, onError }: EverythingOptions): Everything {
  const kept = new Map<string, ResourceDefinition>();
  const served = new Map<string, ResourceDefinition>();
  for (const definition of definitions) {
    const key = `${definition.group}/${definition.kind}`;
    if (!served.has(key)) served.set(key, definition);
    if (!definition.readOnly && definition.ttlSeconds === undefined && !kept.has(key)) kept.set(key, definition);
  }
  const kinds = [...kept.values()].map((definition) => ({
    definition,
    informer: createInformer({ client: client.resource(definition), clock, onError }),
  }));

  return {
    kinds,
    find: (apiVersion, kind) => served.get(`${groupOf(apiVersion)}/${kind}`),
    async start(signal) {
      await Promise.all(kinds.map(({ informer }) => informer.start(signal)));
    },
  };
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
}
