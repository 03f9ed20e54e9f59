import assert from "node:assert/strict";
import { test } from "node:test";
import { applyDefaults, parseJson, ParseError, prune, s, toOpenAPI, validate, type Schema } from "./index.ts";

const Port = s.object(
  { port: s.integer({ min: 1, max: 65535 }) },
  { protocol: s.withDefault(s.string({ enum: ["TCP", "UDP"] }), "TCP") },
);
const Server = s.object(
  { name: s.string({ nonEmpty: true }), ports: s.listMap(["port", "protocol"], Port) },
  {
    image: s.string({ pattern: "^[a-z]+$" }),
    memory: s.quantity(),
    labels: s.map(s.string()),
    limits: s.map(s.quantity()),
    strategy: s.withDefault(s.object({}, { surge: s.withDefault(s.intOrString(), "25%") }), {}),
    since: s.time(),
    note: s.nullable(s.string()),
    extra: s.preserveUnknown(),
    data: s.bytes(),
  },
);

const complete = { name: "a", ports: [{ port: 80, protocol: "TCP" }], strategy: { surge: "25%" } };

test("defaults are filled in, inside defaults too, and lists' items get theirs", () => {
  assert.deepEqual(applyDefaults(Server, { name: "a", ports: [{ port: 80 }] }), complete);
});

test("a value that needs nothing is given back itself", () => {
  assert.equal(applyDefaults(Server, complete), complete);
});

test("defaulting changes nothing that came in", () => {
  const value = Object.freeze({ name: "a", ports: Object.freeze([Object.freeze({ port: 80 })]), image: null });
  assert.deepEqual(applyDefaults(Server, value), complete);
});

test("nulls vanish unless the field may be null", () => {
  assert.deepEqual(applyDefaults(Server, { ...complete, image: null, note: null }), { ...complete, note: null });
});

test("quantities and times are stored in their canonical form", () => {
  assert.deepEqual(
    applyDefaults(Server, {
      ...complete,
      memory: 0.5,
      limits: { cpu: 2, memory: "1024Mi" },
      since: "2026-01-01T01:00:00.5+01:00",
    }),
    {
      ...complete,
      memory: "500m",
      limits: { cpu: "2", memory: "1Gi" },
      since: "2026-01-01T00:00:00Z",
    },
  );
});

test("in numbered fields zeros are absence, unless Go holds them by a pointer", () => {
  const shape = s.object(
    { count: s.at(1, s.orZero(s.integer(), 0)) },
    {
      policy: s.at(2, s.withDefault(s.string({ enum: ["A"] }), "A")),
      grace: s.pointer(3, s.withDefault(s.integer(), 30)),
      tags: s.at(4, s.list(s.string())),
      plain: s.boolean(),
      empty: s.at(5, s.object({})),
    },
  );
  assert.deepEqual(applyDefaults(shape, { policy: "", grace: 0, tags: [], plain: false, empty: {} }), {
    count: 0,
    policy: "A",
    grace: 0,
    plain: false,
    empty: {},
  });
});

test("micro times keep six digits", () => {
  assert.equal(applyDefaults(s.microTime(), "2026-01-01T00:00:00.1234567+00:00"), "2026-01-01T00:00:00.123456Z");
  assert.equal(applyDefaults(s.microTime(), "2026-01-01T00:00:00Z"), "2026-01-01T00:00:00.000000Z");
});

const problems = (value: unknown): string[] =>
  validate(Server, value, { uniqueKeys: true }).map(({ field, message }) => `${field}: ${message}`);

test("what is wrong is said in Kubernetes' words, with the path", () => {
  assert.deepEqual(problems(complete), []);
  assert.deepEqual(
    problems({ name: "", ports: [{ port: 0, protocol: "SCTP" }], image: "A", memory: "1 GB", data: "*" }),
    [
      "name: Required value",
      "ports[0].port: Invalid value: 0: ports[0].port in body should be greater than or equal to 1",
      'ports[0].protocol: Unsupported value: "SCTP": supported values: "TCP", "UDP"',
      "image: Invalid value: \"A\": image in body should match '^[a-z]+$'",
      "memory: Invalid value: \"1 GB\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      'data: Invalid value: "*": data in body must be of type byte: "*"',
    ],
  );
  assert.deepEqual(problems({ ports: "none", labels: { a: 1 } }), [
    "name: Required value",
    'ports: Invalid value: "string": ports in body must be of type array: "string"',
    'labels[a]: Invalid value: "integer": labels[a] in body must be of type string: "integer"',
  ]);
});

test("a key that stands twice in a keyed list is refused", () => {
  const twice = { ...complete, ports: [...complete.ports, { port: 80, protocol: "TCP" }] };
  assert.deepEqual(problems(twice), ['ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}']);
  assert.deepEqual(validate(Server, twice), []);
});

test("a union takes exactly one of its fields", () => {
  const source = s.object(
    {},
    { file: s.string(), url: s.string() },
    { union: { rule: "exactly", of: ["file", "url"] } },
  );
  assert.equal(validate(source, { file: "a" }).length, 0);
  assert.equal(validate(source, {})[0]?.reason, "FieldValueRequired");
  assert.equal(validate(source, { file: "a", url: "b" })[0]?.reason, "FieldValueInvalid");
});

test("unknown fields are named and dropped, and kept where the schema says so", () => {
  const value = { ...complete, junk: 1, extra: { any: { thing: 1 } }, ports: [{ port: 1, bad: true }], constructor: 2 };
  const { value: pruned, unknown } = prune(Server, value);
  assert.deepEqual(unknown, ["ports[0].bad", "junk", "constructor"]);
  assert.deepEqual(pruned, { ...complete, extra: { any: { thing: 1 } }, ports: [{ port: 1 }] });
  assert.equal(prune(Server, complete).value, complete);
});

interface Tree {
  readonly value: number;
  readonly children?: readonly Tree[];
}

test("a schema may contain itself", () => {
  const Tree: Schema<Tree> = s.object(
    { value: s.orZero(s.integer(), 0) },
    { children: s.list(s.lazy(() => Tree)) },
    { name: "Tree" },
  );
  const value = { children: [{ value: 1, children: [{ junk: 1 }] }] };
  assert.deepEqual(prune(Tree, value).unknown, ["children[0].children[0].junk"]);
  assert.deepEqual(applyDefaults(Tree, { children: [{}] }), { value: 0, children: [{ value: 0 }] });
  assert.equal(validate(Tree, { value: 1, children: [{ value: "x" }] }).length, 1);
  assert.deepEqual(Object.keys(toOpenAPI(Tree, "document").components), ["Tree"]);
});

test("fields that stand twice are found wherever they are", () => {
  const { value, duplicates } = parseJson('{"a":1,"b":[{"c":"x\\"","c":{"d":1,"d":2}},"a"],"\\u0061":3}');
  assert.deepEqual(duplicates, ["b[0].c", "b[0].c.d", "a"]);
  assert.deepEqual(value, { a: 3, b: [{ c: { d: 2 } }, "a"] });
});

test("JSON that can't be trusted is refused", () => {
  assert.throws(() => parseJson("{"), ParseError);
  assert.throws(() => parseJson('{"__proto__":{}}'), /__proto__/);
  assert.throws(() => parseJson('{"\\u005f_proto__":{}}'), /__proto__/);
  assert.throws(() => parseJson("[".repeat(100_000)), /nested/);
});

test("OpenAPI says what the schema does", () => {
  const { schema } = toOpenAPI(Server, "structural");
  assert.deepEqual(schema["required"], ["name", "ports"]);
  const { components } = toOpenAPI(
    s.object({ server: s.described("The server", s.object({ x: s.number() }, {}, { name: "org.Server" })) }),
    "document",
  );
  assert.deepEqual(components, {
    "org.Server": { type: "object", properties: { x: { type: "number", format: "double" } }, required: ["x"] },
  });
});
