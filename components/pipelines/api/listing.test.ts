import assert from "node:assert/strict";
import { test } from "node:test";
import { testClock } from "@headrace/model/testing";
import { type TestFace, testFace } from "../testing/platform.ts";

const path = "/apis/v2beta1/experiments";

async function faceWith(names: readonly string[]): Promise<TestFace> {
  const clock = testClock(Date.UTC(2026, 0, 1));
  const face = await testFace({ clock });
  for (const display_name of names) {
    await face.call("POST", path, { body: { display_name } });
    await clock.advance(1500);
  }
  return face;
}

async function list(
  face: TestFace,
  query: Record<string, string>,
): Promise<{ names: string[]; token: string; total: unknown }> {
  const { json, status, text } = await face.call("GET", path, { query });
  assert.equal(status, 200, text);
  const experiments = (json["experiments"] ?? []) as { display_name: string }[];
  return {
    names: experiments.map((each) => each.display_name),
    token: String(json["next_page_token"] ?? ""),
    total: json["total_size"],
  };
}

const filterOf = (...predicates: unknown[]): Record<string, string> => ({ filter: JSON.stringify({ predicates }) });

test("lists are oldest first, and sorted by any field in either direction", async () => {
  await using face = await faceWith(["b", "c", "a"]);
  assert.deepEqual((await list(face, {})).names, ["b", "c", "a"]);
  assert.deepEqual((await list(face, { sort_by: "display_name" })).names, ["a", "b", "c"]);
  assert.deepEqual((await list(face, { sort_by: "Created_At DESC" })).names, ["a", "c", "b"]);
  assert.equal((await face.call("GET", path, { query: { sort_by: "colour" } })).status, 400);
  assert.equal((await face.call("GET", path, { query: { sort_by: "name sideways" } })).status, 400);
});

test("pages follow one another without gap or repetition, and the total is of all", async () => {
  await using face = await faceWith(["a", "b", "c", "d", "e"]);
  for (const sort_by of ["", "name desc", "storage_state", "last_run_created_at desc"]) {
    const seen: string[] = [];
    let page_token = "";
    do {
      const page = await list(face, { page_size: "2", page_token, sort_by });
      assert.equal(page.total, 5);
      seen.push(...page.names);
      page_token = page.token;
    } while (page_token);
    assert.equal(new Set(seen).size, 5, sort_by);
    assert.equal(seen.length, 5, sort_by);
  }
});

test("a token goes with the sorting and the filter that it was made with", async () => {
  await using face = await faceWith(["a", "b", "c"]);
  const { token } = await list(face, { page_size: "1", sort_by: "name" });
  assert.deepEqual((await list(face, { page_token: token, page_size: "5" })).names, ["b", "c"]);
  for (const query of [
    { page_token: token, sort_by: "name desc" },
    { page_token: token, ...filterOf() },
    { page_token: "nonsense" },
  ]) {
    assert.equal((await face.call("GET", path, { query })).status, 400);
  }
});

test("a query may name its parameters in camelCase, as JSON does", async () => {
  await using face = await faceWith(["a", "b", "c"]);
  const first = await list(face, { pageSize: "2", sortBy: "name desc" });
  assert.deepEqual(first.names, ["c", "b"]);
  assert.deepEqual((await list(face, { pageToken: first.token })).names, ["a"]);
});

test("page sizes are 20 by default and 200 at most; negative ones are refused", async () => {
  await using face = await faceWith(["a"]);
  for (const page_size of ["", "0", "1000"]) assert.deepEqual((await list(face, { page_size })).names, ["a"]);
  for (const page_size of ["-1", "x"])
    assert.equal((await face.call("GET", path, { query: { page_size } })).status, 400);
});

test("filters know operations by number and by name, and fields in both spellings", async () => {
  await using face = await faceWith(["alpha", "beta", "Beta-2"]);
  const cases: [unknown, string[]][] = [
    [{ operation: 1, key: "display_name", stringValue: "alpha" }, ["alpha"]],
    [{ operation: "EQUALS", key: "name", string_value: "beta" }, ["beta"]],
    [{ operation: "NOT_EQUALS", key: "name", string_value: "beta" }, ["alpha", "Beta-2"]],
    [{ operation: 8, key: "name", stringValues: { values: ["alpha", "beta"] } }, ["alpha", "beta"]],
    [{ operation: "IN", key: "name", string_values: { values: [] } }, []],
    [{ operation: 9, key: "name", string_value: "eta" }, ["beta", "Beta-2"]],
    [{ operation: "IS_SUBSTRING", key: "name", string_value: "%" }, []],
    [{ operation: "GREATER_THAN", key: "created_at", timestamp_value: "2026-01-01T00:00:01Z" }, ["Beta-2"]],
    [{ operation: "EQUALS", key: "created_at", timestampValue: "2026-01-01T00:00:01Z" }, ["beta"]],
    [{ operation: 7, key: "created_at", timestamp_value: "2026-01-01T00:00:01.900Z" }, ["alpha", "beta"]],
  ];
  for (const [predicate, names] of cases) {
    assert.deepEqual((await list(face, filterOf(predicate))).names, names, JSON.stringify(predicate));
  }
});

test("predicates are joined by and", async () => {
  await using face = await faceWith(["alpha", "beta"]);
  const both = filterOf(
    { operation: 1, key: "storage_state", string_value: "AVAILABLE" },
    { operation: 9, key: "name", string_value: "bet" },
  );
  assert.deepEqual((await list(face, both)).names, ["beta"]);
});

test("a filter that was escaped twice is read; one with a percent sign in it is not spoilt", async () => {
  await using face = await faceWith(["100%25+1", "a b"]);
  const twice = encodeURIComponent(filterOf({ operation: 1, key: "name", string_value: "a b" })["filter"] ?? "");
  assert.deepEqual((await list(face, { filter: twice })).names, ["a b"]);
  assert.deepEqual((await list(face, filterOf({ operation: 1, key: "name", string_value: "100%25+1" }))).names, [
    "100%25+1",
  ]);
});

test("times are compared in whole seconds, whether they come as times or as text", async () => {
  await using face = await faceWith(["a", "b"]);
  for (const value of [
    { timestamp_value: "2026-01-01T00:00:01Z" },
    { string_value: "2026-01-01T00:00:01.4Z" },
    { string_value: "2026-01-01T02:00:01+02:00" },
    { long_value: String(Date.UTC(2026, 0, 1, 0, 0, 1) / 1000) },
  ]) {
    assert.deepEqual((await list(face, filterOf({ operation: 1, key: "created_at", ...value }))).names, ["b"]);
  }
  const either = { string_values: { values: ["2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"] } };
  assert.deepEqual((await list(face, filterOf({ operation: 8, key: "created_at", ...either }))).names, ["a"]);
});

test("filters that make no sense are refused with the place at fault", async () => {
  await using face = await faceWith([]);
  const cases: [unknown, RegExp][] = [
    [{ operation: 4, key: "name", string_value: "x" }, /predicates\[0\]\.operation/],
    [{ key: "name", string_value: "x" }, /operation: Required/],
    [{ operation: 1, key: "colour", string_value: "x" }, /key: Unsupported value: "colour"/],
    [{ operation: 1, key: "name" }, /Required value/],
    [{ operation: 1, key: "name", int_value: 3 }, /is text/],
    [{ operation: 1, key: "created_at", string_value: "x" }, /"created_at": must be a time/],
    [
      { operation: 1, key: "name", string_value: "x", int_value: 3 },
      /predicates\[0\]\.int_value: cannot be set together with "string_value"/,
    ],
    [{ operation: 9, key: "created_at", string_value: "2" }, /is no text/],
    [{ operation: 8, key: "name", string_value: "x" }, /string_values/],
    [{ operation: 1, key: "name", string_value: "x", shade: 1 }, /shade: unknown field/],
  ];
  for (const [predicate, message] of cases) {
    const answer = await face.call("GET", path, { query: filterOf(predicate) });
    assert.equal(answer.status, 400);
    assert.match(answer.text.replaceAll('\\"', '"'), message);
  }
  assert.equal((await face.call("GET", path, { query: { filter: "{" } })).status, 400);
});
