import type { Pod } from "@headrace/k8s";
import { defineResource, s, type ResourceOf } from "@headrace/model";

/** A custom kind with all that custom kinds can have: for tests. */
export const Widget = defineResource({
  group: "example.com",
  version: "v1",
  kind: "Widget",
  spec: s.object(
    { size: s.integer({ min: 1 }) },
    { color: s.withDefault(s.string(), "red"), parts: s.list(s.string()) },
  ),
  status: s.object({}, { ready: s.boolean() }),
  selectableFields: ["spec.color"],
});
export type Widget = ResourceOf<typeof Widget>;

export function widget(
  name: string,
  overrides: { readonly spec?: Partial<Widget["spec"]>; readonly metadata?: Widget["metadata"] } = {},
): Widget {
  return {
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name, namespace: "default", ...overrides.metadata },
    spec: { size: 1, ...overrides.spec },
  };
}

export function pod(name: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { containers: [{ name: "main", image: "busybox:1" }] },
  };
}
