import { defineResource, s, type ResourceOf } from "@headrace/model";
import { createMemoryResource, type MemoryResource } from "./memory-resource.ts";

/** A kind that means nothing, for tests of what is the same for every kind. */
export const Widget = defineResource({
  group: "example.org",
  version: "v1",
  kind: "Widget",
  plural: "widgets",
  scope: "Namespaced",
  spec: s.optional(s.object({}, { size: s.integer() })),
});
export type Widget = ResourceOf<typeof Widget>;

export function widget(name: string, overrides: Partial<Widget> = {}, namespace = "default"): Widget {
  return { apiVersion: "example.org/v1", kind: "Widget", metadata: { name, namespace }, ...overrides };
}

export function createWidgets(): MemoryResource<Widget> {
  return createMemoryResource<Widget>(Widget);
}
