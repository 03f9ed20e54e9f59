import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject, JsonValue } from "./json.ts";
import { readSettings } from "./kubernetes-settings.ts";
import { Place } from "./reader.ts";

const inputs: Readonly<Record<string, JsonValue>> = {
  secret: "registry-key",
  labels: { disk: "ssd", size: 3 },
  tolerations: [{ key: "spot", operator: "Exists" }],
  affinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: ["a"] }] }],
    },
  },
};

const read = (settings: JsonObject) =>
  readSettings(new Place("settings", settings), (source) =>
    source.from === "input" ? (inputs[source.name] ?? null) : null,
  );
const input = (name: string): JsonObject => ({ componentInputParameter: name });

describe("what kfp-kubernetes asks for", () => {
  test("init containers, pull secrets and the pull policy reach the pod", () => {
    const { podSpec, container } = read({
      initContainers: [{ name: "fetch", image: "alpine", command: ["sh"], args: ["-c", "true"] }],
      imagePullSecret: [{ secretNameParameter: input("secret") }, { secretNameParameter: input("absent") }],
      imagePullPolicy: "Never",
    });
    assert.deepEqual(podSpec, {
      imagePullSecrets: [{ name: "registry-key" }],
      initContainers: [
        {
          name: "fetch",
          image: "alpine",
          command: ["sh"],
          args: ["-c", "true"],
          resources: { requests: {}, limits: {} },
        },
      ],
    });
    assert.deepEqual(container, { imagePullPolicy: "Never" });
  });

  test("node affinities are required, or preferred by their weight", () => {
    const matchExpressions = [{ key: "gpu", operator: "Exists" }];
    const { affinity } = read({ nodeAffinity: [{ matchExpressions }, { matchExpressions, weight: 5 }] });
    assert.deepEqual(affinity, {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, preference: { matchExpressions } }],
      },
    });
  });

  test("node selectors, tolerations and affinities may come from inputs, or not come", () => {
    const given = read({
      nodeSelector: { nodeSelectorJson: input("labels") },
      tolerations: [{ tolerationJson: input("tolerations") }],
      nodeAffinity: [{ nodeAffinityJson: input("affinity") }],
    });
    assert.deepEqual(given.nodeSelector, { disk: "ssd", size: "3" });
    assert.deepEqual(given.tolerations, inputs["tolerations"]);
    assert.deepEqual(given.affinity, { nodeAffinity: inputs["affinity"] });
    const absent = read({
      nodeSelector: { nodeSelectorJson: input("none") },
      tolerations: [{ tolerationJson: input("none") }],
      nodeAffinity: [{ nodeAffinityJson: input("none") }],
    });
    assert.deepEqual([absent.nodeSelector, absent.tolerations, absent.affinity], [undefined, [], undefined]);
  });
});
