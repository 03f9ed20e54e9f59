import {
  apiVersionOf,
  type ApiRequest,
  type ApiResponse,
  type ResourceDefinition,
  type Subresource,
} from "@headrace/model";
import type { FixedDocument } from "./fixed-document.ts";
import { fixedDocument } from "./fixed-document.ts";
import { formOf } from "./negotiation.ts";
import type { GroupVersion, Registry, Served } from "./registry.ts";

const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const everywhere = [{ clientCIDR: "0.0.0.0/0", serverAddress: "" }];

/** Whether a subresource of a kind is answered here. */
export type Offers = (served: Served, subresource: Subresource) => boolean;

/**
 * The paths by which clients find out what is served: the old documents, one for each group and version, and the aggregated ones.
 * A kind may declare subresources that nothing answers on this server; those are not listed.
 */
export function createDiscovery(
  { groupVersions }: Registry,
  offers: Offers,
): (request: ApiRequest) => Promise<ApiResponse | undefined> {
  const core = groupVersions.filter(({ group }) => group === "");
  const named = groupVersions.filter(({ group }) => group !== "");
  const groups = [...new Set(named.map(({ group }) => group))];

  const legacy = new Map<string, FixedDocument>([
    [
      "/api",
      fixedDocument({
        kind: "APIVersions",
        versions: core.map(({ version }) => version),
        serverAddressByClientCIDRs: everywhere,
      }),
    ],
    [
      "/apis",
      fixedDocument({ kind: "APIGroupList", apiVersion: "v1", groups: groups.map((group) => apiGroup(group, named)) }),
    ],
    ...groups.map(
      (group) =>
        [`/apis/${group}`, fixedDocument({ kind: "APIGroup", apiVersion: "v1", ...apiGroup(group, named) })] as const,
    ),
    ...groupVersions.map((each) => [rootOf(each), fixedDocument(resourceList(each, offers))] as const),
  ]);
  const aggregated = new Map<string, FixedDocument>([
    ["/api", fixedDocument(groupDiscoveryList([""], core, offers), aggregatedType)],
    ["/apis", fixedDocument(groupDiscoveryList(groups, named, offers), aggregatedType)],
  ]);

  return async (request) => {
    const path = request.path.replace(/\/+$/, "");
    if (!legacy.has(path)) return undefined;
    const canBe = aggregated.has(path) ? (["Object", "APIGroupDiscoveryList"] as const) : (["Object"] as const);
    const { as } = formOf(request.headers["accept"], canBe);
    const document = (as === "APIGroupDiscoveryList" ? aggregated : legacy).get(path);
    return document?.answer(request);
  };
}

/** Where a group and version begins: `/api/v1`, `/apis/apps/v1`. */
export function rootOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
}

function apiGroup(group: string, all: readonly GroupVersion[]): object {
  const versions = all
    .filter((each) => each.group === group)
    .map(({ version }) => ({ groupVersion: apiVersionOf({ group, version }), version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceList({ group, version, kinds }: GroupVersion, offers: Offers): object {
  const resources = kinds.flatMap((served) => [
    resourceEntry(served),
    ...served.definition.subresources
      .filter((each) => offers(served, each))
      .map((each) => subresourceEntry(served.definition, each)),
  ]);
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion: apiVersionOf({ group, version }), resources };
}

function resourceEntry({ definition, verbs, resource, answer }: Served): object {
  const { plural, singular, scope, kind, shortNames, categories } = definition;
  return {
    name: plural,
    singularName: singular,
    namespaced: scope === "Namespaced",
    kind,
    verbs: [...verbs],
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(!answer && { storageVersionHash: shortHash(`${resource}/${kind}`) }),
  };
}

function subresourceEntry({ plural, scope, kind }: ResourceDefinition, subresource: Subresource): object {
  const { group, version } = { group: undefined, version: undefined, ...subresource };
  return {
    name: `${plural}/${subresource.name}`,
    singularName: "",
    namespaced: scope === "Namespaced",
    ...(group !== undefined && { group }),
    ...(version !== undefined && { version }),
    kind: "kind" in subresource ? subresource.kind : kind,
    verbs: verbsOf(subresource),
  };
}

/** What can be done to a subresource; `status` is read and written like the object it is part of. */
export function verbsOf(subresource: Subresource): readonly string[] {
  return "verbs" in subresource ? subresource.verbs : ["get", "patch", "update"];
}

function groupDiscoveryList(groups: readonly string[], all: readonly GroupVersion[], offers: Offers): object {
  const items = groups.map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: all
      .filter((each) => each.group === group)
      .map(({ version, kinds }) => ({
        version,
        resources: kinds.map((served) => resourceDiscovery(served, offers)),
        freshness: "Current",
      })),
  }));
  return { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", metadata: {}, items };
}

function resourceDiscovery(served: Served, offers: Offers): object {
  const { definition, verbs } = served;
  const { group, version, kind, plural, singular, scope, shortNames, categories } = definition;
  const subresources = definition.subresources.filter((each) => offers(served, each));
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope,
    singularResource: singular,
    verbs: [...verbs],
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(subresources.length > 0 && {
      subresources: subresources.map((each) => subresourceDiscovery(definition, each)),
    }),
  };
}

function subresourceDiscovery({ group, version, kind }: ResourceDefinition, subresource: Subresource): object {
  const own = "kind" in subresource ? subresource : { kind };
  return {
    subresource: subresource.name,
    responseKind: {
      group,
      version,
      ...("group" in own && { group: own.group }),
      ...("version" in own && { version: own.version }),
      kind: own.kind,
    },
    verbs: verbsOf(subresource),
  };
}

/** Clients compare it only to learn whether the form of storage changed. FNV-1a, 32 bits, in base 16. */
function shortHash(text: string): string {
  let hash = 0x81_1c_9d_c5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01_00_01_93) >>> 0;
  return hash.toString(16).padStart(8, "0");
}
