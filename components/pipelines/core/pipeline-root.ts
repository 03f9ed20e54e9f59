/** The first of several roots that is given. A root may carry settings of its bucket as a query; artifacts below it do not. */
export function pipelineRootOf(...roots: readonly string[]): string {
  return (roots.find((root) => root !== "") ?? "").replace(/\/*(?:\?.*)?$/, "");
}

/** URI beneath which all of a run's artifacts go that its steps are given places for. */
export function runDirectory(root: string, row: { readonly pipeline_name: string; readonly run: string }): string {
  return placeBelow(root, [row.pipeline_name, row.run]);
}

export const placeBelow = (root: string, names: readonly string[]): string =>
  [root, ...names.map(pathSegment)].join("/");

/** What names may hold and paths should not. */
function pathSegment(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9._-]+/g, "-");
  return /^\.*$/.test(plain) ? `-${plain.length}` : plain;
}
