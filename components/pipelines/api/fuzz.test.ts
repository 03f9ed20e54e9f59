import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "../testing/fuzz/fuzz.ts";

test("whatever is asked, the answer is good or says what was wrong, and what is refused writes nothing", async () => {
  const { faults, statuses } = await fuzz({ seed: 20_261_125, requests: 800 });
  assert.deepEqual(faults, []);
  for (const status of [200, 400, 404]) assert.ok((statuses.get(status) ?? 0) > 20, `few answers are ${status}`);
});

test("whatever is uploaded is a pipeline, or refused with what was wrong", async () => {
  const { faults } = await fuzz({ seed: 20_261_125, requests: 40, uploads: true });
  assert.deepEqual(faults, []);
});
