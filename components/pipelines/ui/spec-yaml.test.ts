import assert from "node:assert/strict";
import { test } from "node:test";
import { specToYaml, yamlToSpec } from "./spec-yaml.ts";

test("what is about to be uploaded is read as the server reads it", () => {
  assert.deepEqual(yamlToSpec("n: {defaultValue: 1e3, isOptional: yes}"), {
    n: { defaultValue: "1e3", isOptional: true },
  });
  assert.throws(() => yamlToSpec("hello: [1"), /line 1/);
});

test("a spec with a platform's part is two documents, and reads back as it was", () => {
  const spec = {
    pipeline_spec: { root: { on: "y", text: "12:30" } },
    platform_spec: { platforms: { kubernetes: {} } },
  };
  assert.match(specToYaml(spec), /^---$/m);
  assert.deepEqual(yamlToSpec(specToYaml(spec)), spec);
});
