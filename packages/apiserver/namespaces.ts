import { ApiError, notFound, resourceName, type ResourceDefinition } from "@headrace/model";
import type { Registry } from "./registry.ts";

/** Refuses new content in a namespace that is not there or on its way out. Where namespaces are not served, any will do. */
export async function requireActiveNamespace(
  registry: Registry,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
): Promise<void> {
  const namespaces = registry.find("", "v1", "namespaces");
  if (definition.scope !== "Namespaced" || namespaces === undefined) return;
  const version = await namespaces.source.get({ namespace: "", name: namespace });
  if (version === undefined) throw notFound(namespaces.definition, namespace);
  if (version.object.metadata.deletionTimestamp === undefined) return;
  const { plural, group } = definition;
  throw new ApiError(
    "Forbidden",
    `${resourceName(definition)} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      name,
      group,
      kind: plural,
      causes: [
        {
          reason: "NamespaceTerminating",
          message: `namespace ${namespace} is being terminated`,
          field: "metadata.namespace",
        },
      ],
    },
  );
}
