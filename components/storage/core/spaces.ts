/** The bucket that pipelines keep their artifacts in, as upstream names it. */
export const pipelineBucket = "mlpipeline";

/** Buckets that are Headrace's own: logs, for one. */
export const isReserved = (bucket: string): boolean => bucket.startsWith("headrace-");

/** Folders of the pipelines' bucket whose own folders are a namespace's each, as upstream's policies have it. */
const privateFolders = new Set(["private-artifacts", "private"]);

/** The namespace that a key of the pipelines' bucket belongs to by its path; undefined for those of the home namespace. */
export function namespaceOfKey(key: string): string | undefined {
  const [folder = "", namespace = "", ...rest] = key.split("/");
  return privateFolders.has(folder) && namespace !== "" && rest.length > 0 ? namespace : undefined;
}
