import {
  badRequest,
  conflict,
  formatTime,
  type Clock,
  type Ids,
  type ObjectMeta,
  type ResourceDefinition,
} from "@headrace/model";

/** How many random characters generateName gets, and how long what they are appended to may be. */
const suffixLength = 5;
const longestGeneratedPrefix = 58;

/** The metadata that a new object starts with: the caller's wishes and what only the server may say. */
export function newMetadata(
  asked: ObjectMeta,
  { definition, namespace, clock, ids }: { definition: ResourceDefinition; namespace: string; clock: Clock; ids: Ids },
): ObjectMeta {
  if (asked.resourceVersion !== undefined && asked.resourceVersion !== "") {
    throw badRequest("resourceVersion should not be set on objects to be created");
  }
  const { generateName } = asked;
  const name =
    asked.name || (generateName ? generateName.slice(0, longestGeneratedPrefix) + ids.suffix(suffixLength) : "");
  return {
    ...(name !== "" && { name }),
    ...(generateName && { generateName }),
    ...(definition.scope === "Namespaced" && { namespace }),
    uid: ids.uuid(),
    ...(definition.tracksGeneration && { generation: 1 }),
    creationTimestamp: formatTime(clock.now()),
    ...usersOwn(asked),
  };
}

/**
 * The metadata of an update. What only the server may say stays as it was; where the caller says it too, it must be the same.
 * Throws Conflict if the caller means another object of that name.
 */
export function updatedMetadata(asked: ObjectMeta, old: ObjectMeta, definition: ResourceDefinition): ObjectMeta {
  if (asked.uid !== undefined && asked.uid !== "" && asked.uid !== old.uid) {
    throw conflict(
      definition,
      old.name ?? "",
      `Precondition failed: UID in precondition: ${asked.uid}, UID in object meta: ${old.uid}`,
    );
  }
  const {
    labels: _labels,
    annotations: _annotations,
    ownerReferences: _owners,
    finalizers: _finalizers,
    ...servers
  } = old;
  return {
    ...servers,
    ...(asked.name !== undefined && { name: asked.name }),
    ...(asked.namespace && { namespace: asked.namespace }),
    ...(asked.creationTimestamp && { creationTimestamp: asked.creationTimestamp }),
    ...usersOwn(asked),
  };
}

/** Empty collections are left out, as Go's encoder does: they would make an object differ from itself. */
function usersOwn({ labels, annotations, ownerReferences, finalizers }: ObjectMeta): ObjectMeta {
  return {
    ...(hasAny(labels) && { labels }),
    ...(hasAny(annotations) && { annotations }),
    ...(hasAny(ownerReferences) && { ownerReferences }),
    ...(hasAny(finalizers) && { finalizers }),
  };
}

function hasAny<T extends object>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null && Object.keys(value).length > 0;
}
