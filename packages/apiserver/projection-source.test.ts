import assert from "node:assert/strict";
import { test } from "node:test";
import { defineResource, type KubeObject, type Projection, s, type WatchEvent } from "@headrace/model";
import { projectionSource } from "./projection-source.ts";
import { selectionOf } from "./selection.ts";

const definition = defineResource({
  group: "headrace.io",
  version: "v1",
  kind: "View",
  spec: s.object({}, { state: s.string() }),
  selectableFields: ["spec.state"],
  readOnly: true,
});

function view(events: readonly WatchEvent[]): Projection {
  return {
    definition,
    get: async () => undefined,
    list: async () => ({ apiVersion: "headrace.io/v1", kind: "ViewList", metadata: {}, items: [] }),
    async *watch() {
      yield* events;
    },
  };
}

const object = (name: string, state?: string): KubeObject & { spec: { state?: string } } => ({
  apiVersion: "headrace.io/v1",
  kind: "View",
  metadata: { name, resourceVersion: "1" },
  spec: { ...(state !== undefined && { state }) },
});

test("what leaves a selection is deleted from it, and so is what is gone without saying what it was", async () => {
  const source = projectionSource(
    view([
      { type: "ADDED", object: object("outside", "over") },
      { type: "ADDED", object: object("inside", "open") },
      { type: "MODIFIED", object: object("inside", "over") },
      { type: "DELETED", object: object("gone") },
    ]),
  );
  const selection = selectionOf(new URLSearchParams({ fieldSelector: "spec.state=open" }), definition);
  const seen: string[] = [];
  const query = { namespace: "", selection, since: 0, signal: new AbortController().signal };
  for await (const change of source.changes(query)) {
    if (change.type !== "BOOKMARK") seen.push(`${change.type} ${change.version.object.metadata.name}`);
  }
  assert.deepEqual(seen, ["ADDED inside", "DELETED inside", "DELETED gone"]);
});
