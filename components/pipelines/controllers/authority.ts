import { uuidPattern } from "@headrace/model";
import { PipelineFault } from "../core/errors.ts";
import type { PipelineDatabase } from "../records/tables.ts";

const uuid = new RegExp(uuidPattern, "g");

/**
 * Refuses a URI by which a step or an importer would reach artifacts of another namespace: what it names gets a row, and what
 * has a row can be mounted. Artifacts lie at `<root>/<pipeline>/<run>/…`, so the run in a URI says whose it is, and a URI above that
 * would be everybody's. Throws PipelineFault.
 */
export async function checkReach(db: PipelineDatabase, ns: string, uri: string, root: string): Promise<void> {
  if (uri.split("/").includes("..")) throw new PipelineFault(`Cannot use artifact ${uri}: its path goes upwards`);
  const runs = uri.match(uuid) ?? [];
  if (runs.length === 0 && isAbove(uri, root)) {
    throw new PipelineFault(`Cannot use artifact ${uri}: it would hold the artifacts of other runs`);
  }
  if (runs.length === 0) return;
  const foreign = await db
    .selectFrom("run")
    .select("id")
    .where("id", "in", runs)
    .where("ns", "<>", ns)
    .limit(1)
    .executeTakeFirst();
  if (foreign) throw new PipelineFault(`Cannot use artifact ${uri}: it belongs to a run of another namespace`);
}

/** Whether all of the root, or all of one pipeline below it, lies within the URI. */
function isAbove(uri: string, root: string): boolean {
  const folder = `${uri.replace(/\/+$/, "")}/`;
  const base = `${root.replace(/\/+$/, "")}/`;
  if (base.startsWith(folder)) return true;
  return folder.startsWith(base) && folder.slice(base.length).split("/").length <= 2;
}
