import { cause, dnsLabelProblem, type StatusCause } from "@headrace/model";
import { claimSpecCauses } from "./persistent-volume-claim.ts";
import type { Volume } from "./volume.ts";

/** What is wrong with a pod's volumes, and the names that its mounts may use. */
export function validateVolumes(
  volumes: readonly Volume[],
  path: string,
): { readonly causes: StatusCause[]; readonly names: ReadonlySet<string> } {
  const causes: StatusCause[] = [];
  const names = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const at = `${path}[${index}]`;
    const problem = dnsLabelProblem(volume.name);
    if (problem) causes.push(cause.invalid(`${at}.name`, volume.name, problem));
    if (names.has(volume.name)) causes.push(cause.duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    causes.push(...sourceCauses(volume, at));
  }
  return { causes, names };
}

function sourceCauses(volume: Volume, path: string): StatusCause[] {
  const { name: _name, ...sources } = volume;
  const [first, ...more] = Object.keys(sources);
  if (first === undefined) return [cause.required(path, "must specify a volume type")];
  const several = more.map((source) => cause.forbidden(`${path}.${source}`, "may not specify more than 1 volume type"));
  return [...several, ...contentCauses(volume, path)];
}

function contentCauses(
  { configMap, secret, projected, downwardAPI, hostPath, ephemeral }: Volume,
  path: string,
): StatusCause[] {
  const template = ephemeral?.volumeClaimTemplate;
  return [
    ...(ephemeral && !template ? [cause.required(`${path}.ephemeral.volumeClaimTemplate`)] : []),
    ...(template ? claimSpecCauses(template.spec, `${path}.ephemeral.volumeClaimTemplate.spec`) : []),
    ...(configMap && !configMap.name ? [cause.required(`${path}.configMap.name`)] : []),
    ...(configMap
      ? [
          ...itemCauses(configMap.items, `${path}.configMap.items`),
          ...modeCauses(configMap.defaultMode, `${path}.configMap`),
        ]
      : []),
    ...(secret && !secret.secretName ? [cause.required(`${path}.secret.secretName`)] : []),
    ...(secret
      ? [...itemCauses(secret.items, `${path}.secret.items`), ...modeCauses(secret.defaultMode, `${path}.secret`)]
      : []),
    ...(hostPath && hostPath.path.split("/").includes("..")
      ? [cause.invalid(`${path}.hostPath.path`, hostPath.path, "must not contain '..'")]
      : []),
    ...(downwardAPI ? downwardCauses(downwardAPI.items, `${path}.downwardAPI`) : []),
    ...(projected ? projectedCauses(projected, `${path}.projected`) : []),
  ];
}

function projectedCauses({ sources, defaultMode }: NonNullable<Volume["projected"]>, path: string): StatusCause[] {
  const inside = sources.flatMap((source, index) => {
    const at = `${path}.sources[${index}]`;
    const [, ...more] = Object.keys(source);
    return [
      ...more.map((each) => cause.forbidden(`${at}.${each}`, "may not specify more than 1 volume type per source")),
      ...(source.configMap && !source.configMap.name ? [cause.required(`${at}.configMap.name`)] : []),
      ...(source.secret && !source.secret.name ? [cause.required(`${at}.secret.name`)] : []),
      ...itemCauses(source.configMap?.items, `${at}.configMap.items`),
      ...itemCauses(source.secret?.items, `${at}.secret.items`),
      ...downwardCauses(source.downwardAPI?.items, `${at}.downwardAPI`),
      ...tokenCauses(source.serviceAccountToken, `${at}.serviceAccountToken`),
    ];
  });
  return [...inside, ...modeCauses(defaultMode, path)];
}

function tokenCauses(
  token: { readonly expirationSeconds?: number; readonly path: string } | undefined,
  path: string,
): StatusCause[] {
  if (!token) return [];
  const short = (token.expirationSeconds ?? 3600) < 600;
  return [
    ...(short
      ? [
          cause.invalid(
            `${path}.expirationSeconds`,
            token.expirationSeconds,
            "may not specify a duration less than 10 minutes",
          ),
        ]
      : []),
    ...relativePathCauses(token.path, `${path}.path`),
  ];
}

function downwardCauses(items: NonNullable<Volume["downwardAPI"]>["items"], path: string): StatusCause[] {
  return (items ?? []).flatMap(({ path: file, fieldRef, resourceFieldRef }, index) => {
    const at = `${path}.items[${index}]`;
    const both = fieldRef && resourceFieldRef;
    const none = !fieldRef && !resourceFieldRef;
    return [
      ...relativePathCauses(file, `${at}.path`),
      ...(both
        ? [cause.invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")]
        : []),
      ...(none ? [cause.required(at, "one of fieldRef and resourceFieldRef is required")] : []),
    ];
  });
}

function itemCauses(
  items: readonly { readonly path: string; readonly mode?: number }[] | undefined,
  path: string,
): StatusCause[] {
  return (items ?? []).flatMap((item, index) => [
    ...relativePathCauses(item.path, `${path}[${index}].path`),
    ...(item.mode === undefined ? [] : modeRange(item.mode, `${path}[${index}].mode`)),
  ]);
}

function modeCauses(mode: number | undefined, path: string): StatusCause[] {
  return mode === undefined ? [] : modeRange(mode, `${path}.defaultMode`);
}

function modeRange(mode: number, path: string): StatusCause[] {
  return mode < 0 || mode > 0o777
    ? [cause.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")]
    : [];
}

/** A path that stays where it is put: relative, and without `..`. */
export function relativePathCauses(value: string, path: string): StatusCause[] {
  return [
    ...(value.startsWith("/") ? [cause.invalid(path, value, "must be a relative path")] : []),
    ...(value.split("/").includes("..") ? [cause.invalid(path, value, "must not contain '..'")] : []),
  ];
}
