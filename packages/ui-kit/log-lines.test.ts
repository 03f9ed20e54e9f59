import assert from "node:assert/strict";
import { test } from "node:test";
import { LogLines } from "./log-lines.ts";

const texts = (lines: LogLines): readonly (string | undefined)[] =>
  Array.from({ length: lines.length }, (_, index) => lines.at(index)?.text);

test("pieces are joined to lines, and the unfinished line shows", () => {
  const lines = new LogLines();
  lines.append("one\ntw");
  assert.deepEqual(texts(lines), ["one", "tw"]);
  lines.append("o\nthree\n");
  assert.deepEqual(texts(lines), ["one", "two", "three"]);
});

test("a timestamp in front is taken off the text", () => {
  const lines = new LogLines();
  lines.append("2026-11-25T14:03:20.114123456Z fit svc\n");
  assert.deepEqual(lines.at(0), { number: 1, text: "fit svc", time: "2026-11-25T14:03:20.114123456Z" });
});

test("a progress bar shows its last state", () => {
  const lines = new LogLines();
  lines.append("10%\r50%\r100%\r\nnext\n");
  assert.deepEqual(texts(lines), ["100%", "next"]);
});

test("beyond its limit it drops the oldest lines and says how many", () => {
  const lines = new LogLines(3);
  for (let line = 1; line <= 10; line++) lines.append(`line ${line}\n`);
  assert.deepEqual(texts(lines), ["line 8", "line 9", "line 10"]);
  assert.equal(lines.dropped, 7);
  assert.equal(lines.at(0)?.number, 8);
});

test("a line without an end does not grow without one", () => {
  const lines = new LogLines(10, 100);
  for (let piece = 0; piece < 50; piece++) lines.append("x".repeat(100));
  assert.equal(lines.at(0)?.text.length, 100);
});

test("search ignores letter case and colours", () => {
  const lines = new LogLines();
  lines.append("a\n\u001B[31mKil\u001B[0mled\nb\nkilled again\n");
  assert.deepEqual(lines.search("KILLED"), [1, 3]);
  assert.deepEqual(lines.search(""), []);
});

test("the download holds times and no escapes", () => {
  const lines = new LogLines();
  lines.append("2026-11-25T14:03:20Z \u001B[31mred\u001B[0m\nplain\n");
  assert.equal(lines.toText(), "2026-11-25T14:03:20Z red\nplain\n");
});

test("a million lines are taken in and searched without a long wait", () => {
  const lines = new LogLines();
  const chunk = Array.from({ length: 1000 }, (_, index) => `2026-11-25T14:03:20Z epoch ${index} loss 0.412\n`).join("");
  for (let round = 0; round < 1000; round++) lines.append(chunk);
  assert.equal(lines.length, 1_000_000);
  assert.equal(lines.at(999_999)?.text, "epoch 999 loss 0.412");
  assert.equal(lines.search("epoch 999 ", 50).length, 50);
});
