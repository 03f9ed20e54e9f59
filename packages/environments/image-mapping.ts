import {
  cause,
  defineResource,
  type ImageMappingSpec,
  type KubeObject,
  type ResourceDefinition,
  s,
} from "@headrace/model";

/** What an image stands for on this node: written by administrators, for images that the node does not know by itself. */
export interface ImageMapping extends KubeObject {
  readonly spec: ImageMappingSpec;
}

export const ImageMapping: ResourceDefinition<ImageMapping> = defineResource({
  group: "headrace.io",
  version: "v1alpha1",
  kind: "ImageMapping",
  scope: "Cluster",
  shortNames: ["imap"],
  spec: s.object(
    { image: s.string({ nonEmpty: true }) },
    { python: s.string({ pattern: "^3\\.[0-9]{1,2}(\\.[0-9]{1,2})?$" }), requirements: s.list(s.string()) },
  ),
  columns: [
    { name: "Image", value: ({ spec }) => spec.image },
    { name: "Python", value: ({ spec }) => spec.python ?? "<none>" },
  ],
  validate: ({ spec }) =>
    spec.python === undefined && (spec.requirements ?? []).length > 0
      ? [cause.required("spec.python", "requirements need a Python to be installed for")]
      : [],
});
