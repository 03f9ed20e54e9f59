import assert from "node:assert/strict";
import { test } from "node:test";
import { languages, placeholders, translator } from "@headrace/ui-kit/portable";
import type { Run } from "../resources/index.ts";
import { pipelineMessages } from "./messages.ts";
import { buildRunTree } from "./run-tree.ts";
import { sayRun } from "./run-words.ts";

const t = translator(pipelineMessages, "en");

function run(status: Run["status"]): Run {
  return {
    apiVersion: "headrace.io/v1alpha1",
    kind: "Run",
    metadata: { name: "7f3a", namespace: "vision-team" },
    spec: {
      displayName: "digits",
      description: "",
      experiment: { id: "", name: "" },
      pipeline: { name: "" },
      parameters: {},
      pipelineRoot: "",
      serviceAccount: "",
      archived: false,
    },
    status,
  };
}

const startedAt = "2026-11-25T14:00:00Z";
const finishedAt = "2026-11-25T14:03:12Z";
const nothing = buildRunTree(undefined, []);

test("the catalogue has the same keys and the same placeholders in both languages", () => {
  assert.deepEqual(Object.keys(pipelineMessages.zh).sort(), Object.keys(pipelineMessages.en).sort());
  const chinese = new Map(Object.entries(pipelineMessages.zh));
  for (const [key, english] of Object.entries(pipelineMessages.en))
    assert.deepEqual(placeholders(chinese.get(key) ?? ""), placeholders(english), key);
});

test("each state of a run has a sentence without gaps, in each language", () => {
  for (const state of ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELING", "CANCELED"] as const) {
    const over = state === "SUCCEEDED" || state === "FAILED" || state === "CANCELED";
    const it = run({ state, steps: { SUCCEEDED: 2, CACHED: 1 }, startedAt, ...(over && { finishedAt }) });
    for (const language of languages)
      assert.doesNotMatch(sayRun(it, nothing, translator(pipelineMessages, language), 0), /[{}]|undefined/);
  }
});

test("a run says how long it took and what came from the cache", () => {
  const said = sayRun(
    run({ state: "SUCCEEDED", steps: { SUCCEEDED: 10, CACHED: 2 }, startedAt, finishedAt }),
    nothing,
    t,
    0,
  );
  assert.equal(said, "Succeeded in 3m 12s: 12 steps, 2 of them from the cache.");
});

test("a run that failed before its first step gives the run's own reason", () => {
  const said = sayRun(
    run({ state: "FAILED", steps: {}, startedAt, finishedAt, error: "the image python:4 has no mapping.\nat x" }),
    nothing,
    t,
    0,
  );
  assert.equal(said, "Failed after 3m 12s: the image python:4 has no mapping.");
});
