import assert from "node:assert/strict";
import { test } from "node:test";
import { placeholders } from "@headrace/ui-kit/portable";
import { shellMessages } from "./messages.ts";
import { readPreferences } from "./preferences.ts";

test("the shell's catalogue has the same keys and the same placeholders in both languages", () => {
  assert.deepEqual(Object.keys(shellMessages.zh).sort(), Object.keys(shellMessages.en).sort());
  const chinese = new Map(Object.entries(shellMessages.zh));
  for (const [key, english] of Object.entries(shellMessages.en))
    assert.deepEqual(placeholders(chinese.get(key) ?? ""), placeholders(english), key);
});

test("what is stored wins over the browser, and nonsense in the store is ignored", () => {
  const storage = (values: Readonly<Record<string, string>>) => ({ getItem: (name: string) => values[name] ?? null });
  assert.deepEqual(readPreferences(storage({}), ["zh-CN"]), { theme: "system", language: "zh", namespace: "" });
  const stored = { "headrace.theme": "dark", "headrace.language": "klingon", "headrace.namespace": "vision-team" };
  assert.deepEqual(readPreferences(storage(stored), ["en-GB"]), {
    theme: "dark",
    language: "en",
    namespace: "vision-team",
  });
});
