import assert from "node:assert/strict";
import { test } from "node:test";
import {
  alreadyExists,
  conflict,
  defineResource,
  isApiError,
  isEqual,
  type KubeObject,
  type Projection,
  type ProjectionChange,
  type ResourceOf,
  s,
} from "@headrace/model";
import { testApi } from "./testing/index.ts";

const Note = defineResource({
  group: "example.com",
  version: "v1",
  kind: "Note",
  spec: s.object({ text: s.string({ pattern: "^.{1,10}$" }) }, { color: s.withDefault(s.string(), "yellow") }),
  tracksGeneration: false,
});
type Note = ResourceOf<typeof Note>;

const note = (name: string, text: string): Note => ({
  apiVersion: "example.com/v1",
  kind: "Note",
  metadata: { name, namespace: "default" },
  spec: { text },
});

/** Notes in a map, and all that was asked of it. */
function notebook() {
  const notes = new Map<string, KubeObject>();
  const changes: ProjectionChange[] = [];
  let sequence = 0;
  const projection: Projection = {
    definition: Note,
    get: async ({ name }) => notes.get(name),
    list: async () => ({
      apiVersion: "example.com/v1",
      kind: "NoteList",
      metadata: { resourceVersion: String(sequence) },
      items: [...notes.values()],
    }),
    async *watch() {},
    async write(change) {
      const { key, old, object, dryRun } = change;
      changes.push(change);
      const current = notes.get(key.name);
      if (old === undefined && current) throw alreadyExists(Note, key.name);
      if (old && !isEqual(current, old)) throw conflict(Note, key.name);
      if (dryRun) return object;
      sequence += 1;
      if (object === undefined) notes.delete(key.name);
      else notes.set(key.name, { ...object, metadata: { ...object.metadata, resourceVersion: String(sequence) } });
      return notes.get(key.name);
    },
  };
  return { projection, changes, notes };
}

const serve = (projection: Projection) => testApi([], { projections: [projection] }).client.resource(Note);

test("a projection that takes writes is served like any other kind", async () => {
  const { projection, changes } = notebook();
  const notes = serve(projection);
  const created = await notes.create(note("a", "one"));
  assert.deepEqual([created.spec, created.metadata.resourceVersion], [{ text: "one", color: "yellow" }, "1"]);
  assert.match(created.metadata.uid ?? "", /^[0-9a-f-]{36}$/);
  const key = { namespace: "default", name: "a" };
  const patched = await notes.patch(key, { type: "merge", body: { metadata: { labels: { x: "y" } } } });
  assert.deepEqual([patched.metadata.labels, patched.metadata.uid], [{ x: "y" }, created.metadata.uid]);
  const same = await notes.patch(key, { type: "merge", body: { spec: { text: "one" } } });
  assert.equal(same.metadata.resourceVersion, "2");
  assert.equal(await notes.delete(key, { propagationPolicy: "Foreground" }), undefined);
  assert.deepEqual(
    changes.map(({ old, object, propagationPolicy }) => [old !== undefined, object !== undefined, propagationPolicy]),
    [
      [false, true, undefined],
      [true, true, undefined],
      [true, false, "Foreground"],
    ],
  );
});

test("what the rules of the kind or its state forbid does not reach the records", async () => {
  const { projection, changes } = notebook();
  const notes = serve(projection);
  const refused = (reason: Parameters<typeof isApiError>[1]) => (error: unknown) => isApiError(error, reason);
  await assert.rejects(notes.create(note("a", "far too long a text")), refused("Invalid"));
  const key = { namespace: "default", name: "a" };
  await assert.rejects(notes.delete(key), refused("NotFound"));
  assert.equal(changes.length, 0);
  const created = await notes.create(note("a", "one"));
  await assert.rejects(notes.create(note("a", "two")), refused("AlreadyExists"));
  const stale = { ...created, metadata: { ...created.metadata, resourceVersion: "77" } };
  await assert.rejects(notes.update(stale), refused("Conflict"));
  await assert.rejects(notes.delete(key, { preconditions: { uid: "other" } }), refused("Conflict"));
});

test("a write that somebody else overtakes is made again on what is there then", async () => {
  const { projection, notes: kept } = notebook();
  let overtakers = 1;
  const notes = serve({
    ...projection,
    async write(change) {
      if (change.old && overtakers-- > 0)
        kept.set("a", {
          ...change.old,
          metadata: { ...change.old.metadata, labels: { by: "other" }, resourceVersion: "9" },
        });
      return projection.write?.(change);
    },
  });
  await notes.create(note("a", "one"));
  const patch = { type: "merge", body: { spec: { text: "two" } } } as const;
  const patched = await notes.patch({ namespace: "default", name: "a" }, patch);
  assert.deepEqual([patched.spec.text, patched.metadata.labels], ["two", { by: "other" }]);
});

test("one that takes none says what to do instead", async () => {
  const { write: _write, ...readOnly } = notebook().projection;
  const notes = serve({ ...readOnly, remedy: "write them on paper" });
  await assert.rejects(notes.create(note("a", "one")), {
    reason: "MethodNotAllowed",
    message: "the server does not allow this method on the requested resource: write them on paper",
  });
});
