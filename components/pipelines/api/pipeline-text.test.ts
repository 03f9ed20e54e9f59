import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@headrace/model";
import { testClock } from "@headrace/model/testing";
import { stringify } from "yaml";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { PipelineReader } from "./pipeline-text.ts";

const large = `${stringify(addPipeline())}# ${"x".repeat(300_000)}\n`;
const hostile = `a:\n${"- b: c\n".repeat(300_000)}`;

test("a large pipeline is read while the server goes on answering", async () => {
  const reading = new PipelineReader(systemClock).read(large);
  let turns = 0;
  const turn = setInterval(() => turns++, 1);
  const pipeline = await reading;
  clearInterval(turn);
  assert.equal(pipeline.name, "add");
  assert.ok(turns > 2, `${turns} turns of the event loop`);
});

test("a small text that is slow to read does not keep the server from answering either", async () => {
  const reading = assert.rejects(new PipelineReader(systemClock).read("- ".repeat(8_000)));
  let turns = 0;
  const turn = setInterval(() => turns++, 1);
  await reading;
  clearInterval(turn);
  assert.ok(turns > 2, `${turns} turns of the event loop`);
});

test("a key that stands twice in a mapping is refused with its place", async () => {
  const text = stringify(addPipeline()).replace("schemaVersion:", "sdkVersion: x\nschemaVersion:");
  await assert.rejects(new PipelineReader(systemClock).read(text), /Map keys must be unique at line \d+, column 1/);
});

test("the place of the first error in a text is told, however many there are", async () => {
  const text = Array.from({ length: 2000 }, (_, index) => `k${index}: "a\nb"`).join("\n");
  await assert.rejects(new PipelineReader(systemClock).read(`${text}\nx: "open`), /at line \d+, column \d+/);
});

test("a large text that is no pipeline is refused with the field at fault", async () => {
  const reader = new PipelineReader(systemClock);
  await assert.rejects(reader.read(large.replace("2.1.0", "9")), /schemaVersion/);
});

test("a text that takes too much memory to read is refused, and the next one is read", async () => {
  const reader = new PipelineReader(systemClock, { heapMiB: 16 });
  await assert.rejects(reader.read(hostile), /more than 16 MiB of memory/);
  assert.equal((await reader.read(large)).name, "add");
});

test("a text that takes too long to read is refused", async () => {
  const clock = testClock();
  const refused = assert.rejects(new PipelineReader(clock).read(hostile), /more than 30 seconds/);
  await clock.advance(30_000);
  await refused;
});

test("a few are read at a time, some wait, and the rest are told to come again", async () => {
  const reader = new PipelineReader(systemClock, { waiting: 1 });
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => reader.read(large)));
  const refused = outcomes.filter((outcome) => outcome.status === "rejected");
  assert.equal(refused.length, 2);
  for (const { reason } of refused) assert.match(String(reason), /try again later/);
});
