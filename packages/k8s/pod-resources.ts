import { addQuantities, compareQuantities, own } from "@headrace/model";
import { isSidecar } from "./pod-columns.ts";
import type { PodSpec } from "./pod-spec.ts";

type Quantities = Readonly<Record<string, string>>;

/** Guaranteed: cpu and memory limited everywhere, and requested in full. BestEffort: neither limited nor requested anywhere. */
export function qosClass(spec: PodSpec): "Guaranteed" | "Burstable" | "BestEffort" {
  const all = [...spec.containers, ...(spec.initContainers ?? [])].map((container) => container.resources ?? {});
  const counted = ["cpu", "memory"];
  const amounts = all.flatMap(({ requests, limits }) => counted.flatMap((name) => [requests?.[name], limits?.[name]]));
  if (amounts.every((amount) => amount === undefined || compareQuantities(amount, "0") === 0)) return "BestEffort";
  const guaranteed = all.every(({ requests, limits }) =>
    counted.every((name) => {
      const limit = limits?.[name];
      return (
        limit !== undefined &&
        compareQuantities(limit, "0") > 0 &&
        compareQuantities(requests?.[name] ?? limit, limit) === 0
      );
    }),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

/**
 * What the scheduler has to find for a pod: containers and sidecars together, or the largest init container with the sidecars
 * started before it, whichever is more, plus overhead. `which` says whether requests or limits are added up.
 */
export function podResources(spec: PodSpec, which: "requests" | "limits" = "requests"): Quantities {
  let started: Quantities = {};
  let peak: Quantities = {};
  for (const container of spec.initContainers ?? []) {
    const own = container.resources?.[which] ?? {};
    if (isSidecar(container)) started = sum(started, own);
    peak = largest(peak, isSidecar(container) ? started : sum(started, own));
  }
  const together = spec.containers.reduce(
    (total, container) => sum(total, container.resources?.[which] ?? {}),
    started,
  );
  return sum(largest(peak, together), spec.overhead ?? {});
}

function sum(a: Quantities, b: Quantities): Quantities {
  return joined(a, b, (x, y) => addQuantities(x, y));
}

function largest(a: Quantities, b: Quantities): Quantities {
  return joined(a, b, (x, y) => (compareQuantities(x, y) >= 0 ? x : y));
}

function joined(a: Quantities, b: Quantities, join: (x: string, y: string) => string): Quantities {
  const result: Record<string, string> = { ...a };
  for (const [name, amount] of Object.entries(b)) {
    const there = own(result, name);
    result[name] = there === undefined ? amount : join(there, amount);
  }
  return result;
}
