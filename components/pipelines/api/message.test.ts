import assert from "node:assert/strict";
import { test } from "node:test";
import { flag, int32, int64, listOf, mapOf, message, struct, text, time, word } from "./message.ts";

/** The rules of proto3's JSON mapping, which every client that was generated from KFP's proto files relies on. */
const sample = message("Sample", {
  display_name: text,
  page_count: int32,
  interval_second: int64,
  start_time: time,
  is_open: flag,
  mode: word({ 0: "MODE_UNSPECIFIED", 1: "ENABLE" }),
  names: listOf(text),
  labels: mapOf(text),
  spec: struct,
});

const refuses = (body: Parameters<typeof sample.read>[0], reason: RegExp): void =>
  void assert.throws(() => sample.read(body, ""), reason);

test("numbers are read as numbers and as text, and int64 is written as text", () => {
  for (const given of [3600, "3600", 3.6e3, "3.6e3", "3600.0"]) {
    assert.deepEqual(sample.read({ interval_second: given, page_count: given }, ""), {
      interval_second: 3600,
      page_count: 3600,
    });
  }
  assert.deepEqual(sample.write({ interval_second: 3600, page_count: 3600 }), {
    page_count: 3600,
    interval_second: "3600",
  });
  for (const given of ["", " 1", "1 ", "0x10", "+1", "01", "one", 1.5, "1.5", true, [1]]) {
    refuses({ interval_second: given }, /interval_second: must be a whole number/);
  }
  refuses({ page_count: 2 ** 31 }, /page_count: .* between -2147483648 and 2147483647/);
  refuses({ page_count: "-2147483649" }, /page_count: .* between/);
  refuses({ interval_second: "9223372036854775807" }, /interval_second: .* between/);
});

test("times have an offset, and up to nanoseconds; days are those of the calendar", () => {
  const noon = Date.UTC(2026, 0, 31, 12);
  for (const [given, ms] of [
    ["2026-01-31T12:00:00Z", noon],
    ["2026-01-31T12:00:00.5Z", noon + 500],
    ["2026-01-31T12:00:00.123456789Z", noon + 123],
    ["2026-01-31T14:00:00+02:00", noon],
    ["2026-01-31T06:30:00-05:30", noon],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
  ] as const) {
    assert.deepEqual(sample.read({ start_time: given }, ""), { start_time: ms }, given);
  }
  for (const given of [
    "2026-01-31T12:00:00",
    "2026-01-31T12:00Z",
    "2026-01-31 12:00:00Z",
    "2026-01-31",
    "2026-02-30T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-01-31T24:00:00Z",
    "2026-01-31T12:00:00.1234567890Z",
    "2026-01-31T12:00:00+0200",
    1_769_860_800,
  ]) {
    refuses({ start_time: given }, /start_time: must be a time such as/);
  }
});

test("words are read by name and by number, and written by name", () => {
  assert.deepEqual(sample.read({ mode: 1 }, ""), { mode: "ENABLE" });
  assert.deepEqual(sample.read({ mode: "ENABLE" }, ""), { mode: "ENABLE" });
  assert.deepEqual(sample.write({ mode: "MODE_UNSPECIFIED" }), {});
  for (const given of ["enable", "1", 7, true]) refuses({ mode: given }, /mode: Unsupported value/);
});

test("nothing but true and false is a flag, and nothing but text is a text", () => {
  assert.deepEqual(sample.read({ is_open: false }, ""), { is_open: false });
  for (const given of ["true", 1, "True"]) refuses({ is_open: given }, /is_open: must be true or false/);
  for (const given of [1, true, {}]) refuses({ display_name: given }, /display_name: must be a string/);
});

test("null is absent, but no item of a list or a map", () => {
  const nothing = { display_name: null, names: null, labels: null, start_time: null, mode: null, is_open: null };
  assert.deepEqual(sample.read({ ...nothing, spec: null }, ""), {});
  refuses({ names: [null] }, /names\[0\]: must be a string/);
  refuses({ labels: { a: null } }, /labels\.a: must be a string/);
});

test("a field goes by its name in snake_case or in camelCase, once", () => {
  assert.deepEqual(sample.read({ displayName: "a", intervalSecond: 1 }, ""), { display_name: "a", interval_second: 1 });
  refuses({ displayName: "a", display_name: "b" }, /displayName: is set twice, also as "display_name"/);
  refuses({ DisplayName: "a" }, /DisplayName: unknown field of Sample/);
  refuses({ constructor: "a" }, /constructor: unknown field of Sample/);
  assert.deepEqual(sample.read({ spec: { displayName: 1, display_name: null } }, ""), {
    spec: { displayName: 1, display_name: null },
  });
});

test("of the fields of a choice one is set", () => {
  const choice = message("Choice", { display_name: text, page_count: int32, mode: word({ 0: "NONE" }) }, [
    ["display_name", "page_count"],
  ]);
  const list = message("Choices", { items: listOf(choice) });
  assert.throws(
    () => list.read({ items: [{ displayName: "", page_count: 0 }] }, ""),
    /^ApiError: items\[0\]\.page_count: cannot be set together with "displayName"/,
  );
  assert.deepEqual(choice.read({ display_name: "a", page_count: null, mode: "NONE" }, ""), {
    display_name: "a",
    mode: "NONE",
  });
});
