import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeProtobuf, objectMeta, ParseError, readEnvelope, s } from "./index.ts";

const utf8 = new TextEncoder();

const concat = (...parts: readonly (readonly number[] | Uint8Array)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

function varint(value: bigint | number): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

const int = (number: number, value: bigint | number): Uint8Array => concat(varint(number << 3), varint(value));
const bytes = (number: number, content: Uint8Array): Uint8Array =>
  concat(varint((number << 3) | 2), varint(content.length), content);
const text = (number: number, content: string): Uint8Array => bytes(number, utf8.encode(content));
const message = (number: number, ...parts: Uint8Array[]): Uint8Array => bytes(number, concat(...parts));

/** As Go writes metadata: every string and number that is no pointer, set or not. */
const metadata = concat(
  text(1, "settings"),
  text(2, ""),
  text(3, "team-a"),
  text(4, ""),
  text(5, ""),
  text(6, ""),
  int(7, 0),
  message(8),
  message(11, text(1, "app"), text(2, "x")),
  message(11, text(1, "tier")),
  message(13, text(1, "Job"), text(3, "j"), text(4, "u"), text(5, "batch/v1"), int(6, 0)),
  text(14, "a"),
  text(14, "b"),
);

test("metadata comes out as its JSON: zeros are absent, but for pointers", () => {
  assert.deepEqual(decodeProtobuf(objectMeta, metadata), {
    name: "settings",
    namespace: "team-a",
    labels: { app: "x", tier: "" },
    ownerReferences: [{ kind: "Job", name: "j", uid: "u", apiVersion: "batch/v1", controller: false }],
    finalizers: ["a", "b"],
  });
});

test("a body is opened by its magic bytes", () => {
  const unknown = concat(message(1, text(1, "v1"), text(2, "ConfigMap")), bytes(2, metadata), text(3, ""), text(4, ""));
  const { apiVersion, kind, message: raw } = readEnvelope(concat([0x6b, 0x38, 0x73, 0], unknown));
  assert.deepEqual([apiVersion, kind], ["v1", "ConfigMap"]);
  assert.deepEqual(raw, metadata);
  assert.throws(() => readEnvelope(unknown), ParseError);
  assert.throws(() => readEnvelope(concat([0x6b, 0x38, 0x73, 0], text(3, "gzip"))), /gzip/);
});

const Everything = s.object(
  {},
  {
    count: s.at(1, s.integer()),
    big: s.at(2, s.integer({ format: "int64" })),
    port: s.at(3, s.intOrString()),
    memory: s.at(4, s.quantity()),
    limits: s.at(5, s.map(s.quantity())),
    time: s.at(6, s.time()),
    micro: s.at(7, s.microTime()),
    data: s.at(8, s.map(s.bytes())),
    ids: s.at(9, s.list(s.integer())),
    timeout: s.at(10, s.duration()),
    raw: s.at(11, s.preserveUnknown()),
    inline: s.at([12, 1], s.string()),
    other: s.at([12, 2], s.string()),
    ratio: s.at(13, s.number()),
    on: s.pointer(14, s.boolean()),
    hidden: s.string(),
  },
);

const read = (...parts: Uint8Array[]): unknown => decodeProtobuf(Everything, concat(...parts));

test("Kubernetes' own messages become the JSON that they stand for", () => {
  assert.deepEqual(read(int(1, -5), int(2, 2n ** 40n)), { count: -5, big: 2 ** 40 });
  assert.deepEqual(read(message(3, int(1, 0), int(2, 80), text(3, ""))), { port: 80 });
  assert.deepEqual(read(message(3, int(1, 1), int(2, 0), text(3, "http"))), { port: "http" });
  assert.deepEqual(read(message(4, text(1, "1Gi"))), { memory: "1Gi" });
  assert.deepEqual(read(message(5, text(1, "cpu"), message(2, text(1, "500m")))), { limits: { cpu: "500m" } });
  assert.deepEqual(read(message(6, int(1, 1767225600), int(2, 0))), { time: "2026-01-01T00:00:00Z" });
  assert.deepEqual(read(message(6)), {});
  assert.deepEqual(read(message(7, int(1, 1767225600), int(2, 1234000))), { micro: "2026-01-01T00:00:00.001234Z" });
  assert.deepEqual(read(message(8, text(1, "k"), bytes(2, Uint8Array.of(0, 255)))), { data: { k: "AP8=" } });
  assert.deepEqual(read(int(9, 1), int(9, 0), bytes(9, Uint8Array.of(2, 3))), { ids: [1, 0, 2, 3] });
  assert.deepEqual(read(message(10, int(1, 5_400_500_000_000))), { timeout: "1h30m0.5s" });
  assert.deepEqual(read(message(11, text(1, '{"f:spec":{}}'))), { raw: { "f:spec": {} } });
  assert.deepEqual(read(message(12, text(1, "a"), text(2, "b"))), { inline: "a", other: "b" });
  assert.deepEqual(read(int(14, 0)), { on: false });
  assert.deepEqual(read(text(99, "from the future")), {});
});

test("bytes that make no sense are refused, with the place", () => {
  assert.throws(() => read(text(1, "x")), /Cannot read count from protobuf/);
  assert.throws(() => read(Uint8Array.of(0x22, 0x7f)), /ends in the middle/);
  assert.throws(() => read(bytes(12, text(1, "x").subarray(0, 2))), ParseError);
  assert.throws(() => read(message(12, bytes(1, Uint8Array.of(0xff)))), /UTF-8/);
  assert.throws(() => read(message(5, text(1, "__proto__"), message(2))), /__proto__/);
});

test("whatever comes, the reader answers or throws ParseError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      try {
        decodeProtobuf(Everything, noise);
      } catch (error) {
        assert.ok(error instanceof ParseError);
      }
    }),
    { numRuns: 2000 },
  );
});
