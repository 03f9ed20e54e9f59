import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Node, Pod } from "@headrace/k8s";
import { pod } from "../testing/builders.ts";
import { amountsOf, demandOf, unschedulableMessage, whyNot, type NodeRoom } from "./node-fit.ts";

interface RoomOverrides {
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Node["spec"];
  readonly used?: Readonly<Record<string, string>>;
  readonly pods?: number;
  readonly ready?: "True" | "False" | "Unknown";
}

function room({ labels = {}, spec = {}, used = {}, pods = 0, ready = "True" }: RoomOverrides = {}): NodeRoom {
  const node: Node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "box", labels },
    spec,
    status: { conditions: [{ type: "Ready", status: ready }] },
  };
  return { node, allocatable: amountsOf({ cpu: "2", memory: "1Gi", pods: "4" }), used: amountsOf(used), pods };
}

const why = (spec: Partial<Pod["spec"]>, overrides?: RoomOverrides, cpu?: string, others: readonly Node[] = []) => {
  const place = room(overrides);
  return whyNot(demandOf(pod("p", { spec, ...(cpu !== undefined && { cpu }) })), place, [place.node, ...others]);
};

const affinity = (
  key: string,
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt",
  values?: string[],
) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, ...(values && { values }) }] }],
      },
    },
  },
});

describe("a pod on a node", () => {
  test("fits when its requests are free, and not by a thousandth more", () => {
    assert.deepEqual(why({}, { used: { cpu: "1500m" } }, "500m"), []);
    assert.deepEqual(why({}, { used: { cpu: "1500m" } }, "501m"), ["Insufficient cpu"]);
    assert.deepEqual(why({}, { pods: 4 }), ["Too many pods"]);
    assert.deepEqual(why({}, { pods: 4, used: { cpu: "2" } }, "1"), ["Too many pods", "Insufficient cpu"]);
  });

  test("needs what the node does not have at all", () => {
    const gpu = { resources: { limits: { "nvidia.com/gpu": "1" }, requests: { "nvidia.com/gpu": "1" } } };
    const containers = [{ name: "main", image: "x", ...gpu }] as unknown as Pod["spec"]["containers"];
    assert.deepEqual(why({ containers }), ["Insufficient nvidia.com/gpu"]);
  });

  test("matches labels by selector and by each operator of affinity", () => {
    const mismatch = ["node(s) didn't match Pod's node affinity/selector"];
    const labels = { zone: "a", size: "10" };
    const cases: readonly (readonly [Partial<Pod["spec"]>, boolean])[] = [
      [{ nodeSelector: { zone: "a" } }, true],
      [{ nodeSelector: { zone: "b" } }, false],
      [affinity("zone", "In", ["a", "b"]), true],
      [affinity("zone", "NotIn", ["a"]), false],
      [affinity("other", "NotIn", ["a"]), true],
      [affinity("zone", "Exists"), true],
      [affinity("zone", "DoesNotExist"), false],
      [affinity("size", "Gt", ["9"]), true],
      [affinity("size", "Lt", ["9"]), false],
      [affinity("other", "Gt", ["1"]), false],
    ];
    for (const [spec, fits] of cases)
      assert.deepEqual(why(spec, { labels }), fits ? [] : mismatch, JSON.stringify(spec));
  });

  test("stays away from taints that it does not tolerate", () => {
    const taints = [{ key: "gpu", value: "yes", effect: "NoSchedule" as const }];
    const refused = ["node(s) had untolerated taint {gpu: yes}"];
    assert.deepEqual(why({}, { spec: { taints } }), refused);
    assert.deepEqual(
      why({ tolerations: [{ key: "gpu", operator: "Equal", value: "no" }] }, { spec: { taints } }),
      refused,
    );
    assert.deepEqual(why({ tolerations: [{ key: "gpu", operator: "Equal", value: "yes" }] }, { spec: { taints } }), []);
    assert.deepEqual(why({ tolerations: [{ operator: "Exists" }] }, { spec: { taints } }), []);
    assert.deepEqual(why({}, { spec: { taints: [{ key: "a", effect: "PreferNoSchedule" }] } }), []);
    assert.deepEqual(why({}, { spec: { unschedulable: true } }), ["node(s) were unschedulable"]);
    assert.deepEqual(why({}, { ready: "Unknown" }), ["node(s) had untolerated taint {node.kubernetes.io/not-ready: }"]);
  });

  test("is refused with a clear word where its place depends on other pods", () => {
    const podAntiAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname" }],
    };
    assert.match(why({ affinity: { podAntiAffinity } })[0] ?? "", /affinity to other pods, which is not supported/);
  });

  test("keeps to a spread that it must have, where that can be told without counting", () => {
    const spread = (whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway", more = {}) => ({
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable, ...more }],
    });
    const zoneA = { labels: { zone: "a" } };
    const { node: inZoneB } = room({ labels: { zone: "b" } });
    assert.deepEqual(why(spread("DoNotSchedule"), zoneA), []);
    assert.deepEqual(why(spread("DoNotSchedule")), [
      "node(s) didn't match pod topology spread constraints (missing required label)",
    ]);
    const unsupported = [
      "node(s) cannot be chosen by the pod's spread over several domains of zone, which is not supported",
    ];
    assert.deepEqual(why(spread("DoNotSchedule", { minDomains: 2 }), zoneA), unsupported);
    assert.deepEqual(why(spread("DoNotSchedule"), zoneA, undefined, [inZoneB]), unsupported);
    assert.deepEqual(why(spread("ScheduleAnyway", { minDomains: 2 }), {}, undefined, [inZoneB]), []);
  });
});

test("pods of one shape are told by what a node can tell apart", () => {
  assert.equal(demandOf(pod("a", { cpu: "1" })).shape, demandOf(pod("b", { cpu: "1" })).shape);
  assert.notEqual(demandOf(pod("a", { cpu: "1" })).shape, demandOf(pod("a", { cpu: "2" })).shape);
  const topologySpreadConstraints = [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" as const }];
  assert.notEqual(demandOf(pod("a", {})).shape, demandOf(pod("a", { spec: { topologySpreadConstraints } })).shape);
});

test("reasons are counted over the nodes and sorted, as upstream says them", () => {
  assert.equal(unschedulableMessage([]), "no nodes available to schedule pods");
  assert.equal(
    unschedulableMessage([["Insufficient cpu", "Too many pods"], ["Insufficient cpu"], ["node(s) were unschedulable"]]),
    "0/3 nodes are available: 1 Too many pods, 1 node(s) were unschedulable, 2 Insufficient cpu.",
  );
});
