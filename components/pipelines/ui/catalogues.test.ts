import assert from "node:assert/strict";
import { test } from "node:test";
import { placeholders } from "@headrace/ui-kit/portable";
import { experimentsMessages } from "./experiments-messages.ts";
import { newRunMessages } from "./new-run-messages.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";
import { resultMessages } from "./results-messages.ts";
import { schedulesMessages } from "./schedules-messages.ts";

const catalogues = {
  pipelines: pipelinesMessages,
  "new runs": newRunMessages,
  experiments: experimentsMessages,
  schedules: schedulesMessages,
  results: resultMessages,
};

for (const [name, { en, zh }] of Object.entries(catalogues)) {
  test(`the words of ${name} are there in both languages, with the same placeholders`, () => {
    const chinese: Readonly<Record<string, string>> = zh;
    assert.deepEqual(Object.keys(zh).toSorted(), Object.keys(en).toSorted());
    for (const [key, english] of Object.entries(en))
      assert.deepEqual(placeholders(chinese[key] ?? ""), placeholders(english), key);
  });
}
