import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatBytes,
  formatDuration,
  formatElapsed,
  formatNumber,
  formatSpan,
  formatTime,
  formatValue,
  middleEllipsis,
  parseTime,
  shortId,
} from "./format.ts";

test("a duration grows from milliseconds to days, two units at most", () => {
  const said = [0, 850, 999, 1000, 12_400, 59_960, 192_000, 7_500_000, 273_600_000].map(formatDuration);
  assert.deepEqual(said, ["0 ms", "850 ms", "999 ms", "1.0 s", "12.4 s", "1m 00s", "3m 12s", "2h 05m", "3d 04h"]);
});

test("an elapsed time shows whole seconds only", () => {
  assert.deepEqual([0, 999, 64_900].map(formatElapsed), ["0 s", "0 s", "1m 04s"]);
});

test("a time is relative up to a day and a date afterwards", () => {
  const now = Date.UTC(2026, 10, 25, 14, 3);
  const ago = (seconds: number, language: "en" | "zh" = "en") => formatTime(now - seconds * 1000, now, language, "UTC");
  assert.equal(ago(12), "12 s ago");
  assert.equal(ago(12 * 60), "12 min ago");
  assert.equal(ago(3 * 3600, "zh"), "3 小时前");
  assert.equal(ago(86_400), "24 Nov, 14:03");
  assert.match(ago(400 * 86_400), /2025/);
});

test("a clock of the server that runs a little ahead does not make times of the future", () => {
  assert.equal(formatTime(2000, 0, "en"), "0 s ago");
});

test("what is still to come says in how long", () => {
  const ahead = (seconds: number): string => formatTime(seconds * 1000, 0, "en");
  assert.deepEqual([30, 90, 7200].map(ahead), ["in 30 s", "in 1 min", "in 2 h"]);
  assert.equal(formatTime(90_000, 0, "zh"), "1 分钟后");
});

test("bytes have three digits at most and binary units", () => {
  assert.deepEqual([0, 512, 1024, 1258, 1_258_291, 104_857_600, 5e12].map(formatBytes), [
    "0 B",
    "512 B",
    "1 KiB",
    "1.2 KiB",
    "1.2 MiB",
    "100 MiB",
    "4.5 TiB",
  ]);
});

test("values that somebody chose are shown to the last digit", () => {
  assert.deepEqual([0.00012345678, 20260101, "a b", { rate: 0.123456 }, null].map(formatValue), [
    "0.00012345678",
    "20260101",
    "a b",
    '{"rate":0.123456}',
    "null",
  ]);
});

test("numbers keep what can be read", () => {
  assert.deepEqual([1204, 123456789.123, 0.98123456, 1e-7, 123.456789, Number.NaN].map(formatNumber), [
    "1,204",
    "123,456,789",
    "0.9812",
    "1.00e-7",
    "123.457",
    "NaN",
  ]);
});

test("names keep both ends, ids their beginning", () => {
  assert.equal(middleEllipsis("digits-train-with-a-long-name-7f3a", 16), "digits-tra…-7f3a");
  assert.equal(middleEllipsis("short", 16), "short");
  assert.equal(shortId("7f3a1eef-4b1d-4c8e-9a21-0d3f5e000001"), "7f3a1eef");
});

test("a time that is missing or broken is no time", () => {
  assert.equal(parseTime(undefined), undefined);
  assert.equal(parseTime("soon"), undefined);
  assert.equal(parseTime("1970-01-01T00:00:01Z"), 1000);
});

test("a span between times in whole seconds claims no milliseconds", () => {
  assert.equal(formatSpan("2026-11-25T14:00:00Z", "2026-11-25T14:00:00Z"), "< 1 s");
  assert.equal(formatSpan("2026-11-25T14:00:00Z", "2026-11-25T14:00:12Z"), "12 s");
  assert.equal(formatSpan("2026-11-25T14:00:00.100000Z", "2026-11-25T14:00:00.142000Z"), "42 ms");
});
