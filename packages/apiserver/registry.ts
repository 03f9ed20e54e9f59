import { apiVersionOf, resourceName, type Projection, type ResourceDefinition } from "@headrace/model";
import type { Store } from "@headrace/store";
import { ServerMisconfigured } from "./errors.ts";
import type { Answer } from "./options.ts";
import { type Place, projectionPlace, storePlace } from "./place.ts";
import { projectionSource } from "./projection-source.ts";
import type { Source } from "./source.ts";
import { storeSource } from "./store-source.ts";
import type { Verb } from "./target.ts";

const reading: ReadonlySet<Verb> = new Set<Verb>(["get", "list", "watch"]);
const everything: ReadonlySet<Verb> = new Set<Verb>([
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
]);
const creating: ReadonlySet<Verb> = new Set<Verb>(["create"]);

/** A kind with the place that its objects are read from. */
export interface Served {
  readonly definition: ResourceDefinition;
  readonly source: Source;
  /** Where they are written; undefined for those that can only be read. */
  readonly place?: Place | undefined;
  /** What to do instead of writing those. */
  readonly remedy?: string | undefined;
  /** Under which name the store keeps its objects, all versions together: `pods`, `runs.headrace.io`. */
  readonly resource: string;
  /** What can be done to the objects themselves. */
  readonly verbs: ReadonlySet<Verb>;
  /** For kinds that are computed when they are created. */
  readonly answer?: Answer;
}

export interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly kinds: readonly Served[];
}

/** Everything that the server serves, by its place in the paths. */
export interface Registry {
  find(group: string, version: string, plural: string): Served | undefined;
  /** In order of declaration; the first version of a group is its preferred one. */
  readonly groupVersions: readonly GroupVersion[];
}

export function createRegistry(
  store: Store,
  definitions: readonly ResourceDefinition[],
  projections: readonly Projection[],
  answers: readonly Answer[],
): Registry {
  const versionsOf = new Map<string, number>();
  for (const each of definitions) versionsOf.set(resourceName(each), (versionsOf.get(resourceName(each)) ?? 0) + 1);

  const stored = definitions.map((definition): Served => {
    const resource = resourceName(definition);
    const isOneOfSeveral = (versionsOf.get(resource) ?? 0) > 1;
    return {
      definition,
      resource,
      source: storeSource(store, resource, isOneOfSeveral ? definition : undefined),
      place: storePlace(store, definition, resource),
      verbs: definition.readOnly ? reading : everything,
    };
  });
  const projected = projections.map((projection): Served => {
    const { definition, remedy } = projection;
    const place = projectionPlace(projection);
    return {
      definition,
      resource: resourceName(definition),
      source: projectionSource(projection),
      place,
      remedy,
      verbs: place ? everything : reading,
    };
  });

  const answered = answers.map((answer): Served => {
    const { definition } = answer;
    return { definition, resource: resourceName(definition), source: nothing, verbs: creating, answer };
  });

  const byPath = new Map<string, Served>();
  const byGroupVersion = new Map<string, Served[]>();
  for (const served of [...stored, ...projected, ...answered]) {
    const { definition } = served;
    const path = `${apiVersionOf(definition)}/${definition.plural}`;
    if (byPath.has(path)) throw new ServerMisconfigured(`Cannot serve ${path}: two definitions claim it`);
    byPath.set(path, served);
    const kinds = byGroupVersion.get(apiVersionOf(definition));
    if (kinds) kinds.push(served);
    else byGroupVersion.set(apiVersionOf(definition), [served]);
  }

  return {
    find: (group, version, plural) => byPath.get(`${apiVersionOf({ group, version })}/${plural}`),
    groupVersions: [...byGroupVersion.values()].flatMap((kinds) => {
      const [first] = kinds;
      return first ? [{ group: first.definition.group, version: first.definition.version, kinds }] : [];
    }),
  };
}

/** Where kinds that are never kept are read. */
const nothing: Source = {
  get: async () => undefined,
  page: async () => ({ versions: [], resourceVersion: "0" }),
  async *changes() {},
};
