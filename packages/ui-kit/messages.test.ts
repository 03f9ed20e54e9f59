import assert from "node:assert/strict";
import { test } from "node:test";
import { kitMessages } from "./kit-messages.ts";
import { chooseLanguage, defineMessages, placeholders, translator } from "./messages.ts";

const messages = defineMessages({
  en: { steps: "{count} {count|step|steps} of {name}" },
  zh: { steps: "{name} 的 {count} 个步骤" },
});

test("a message takes its values and its plural", () => {
  const t = translator(messages, "en");
  assert.equal(t("steps", { count: 1, name: "digits" }), "1 step of digits");
  assert.equal(t("steps", { count: 3, name: "digits" }), "3 steps of digits");
  assert.equal(translator(messages, "zh")("steps", { count: 3, name: "digits" }), "digits 的 3 个步骤");
});

test("a value that is missing stays visible as its placeholder", () => {
  assert.equal(translator(messages, "en")("steps", { count: 2 }), "2 steps of {name}");
});

test("the kit's catalogue has the same keys and the same placeholders in both languages", () => {
  assert.deepEqual(Object.keys(kitMessages.zh).sort(), Object.keys(kitMessages.en).sort());
  for (const [key, english] of Object.entries(kitMessages.en)) {
    const chinese = Object.entries(kitMessages.zh).find(([name]) => name === key)?.[1] ?? "";
    assert.deepEqual(placeholders(chinese), placeholders(english), key);
  }
});

test("the browser's first language that we speak is chosen, else English", () => {
  assert.equal(chooseLanguage(["fr", "zh-CN", "en"]), "zh");
  assert.equal(chooseLanguage(["fr"]), "en");
});
