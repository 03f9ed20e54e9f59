import { dnsSubdomainProblem } from "@headrace/model";
import type { PipelineDatabase } from "./tables.ts";

interface Named {
  readonly ns: string;
  readonly id: string;
  /** KFP's, which may be any text. */
  readonly name: string;
}

/** What a pipeline is called as an object: its name, where Kubernetes takes that and nobody has it; otherwise something like it. */
export async function freePipelineName(db: PipelineDatabase, { ns, id, name }: Named): Promise<string> {
  const taken = (object: string) =>
    db.selectFrom("pipeline").select("id").where("ns", "=", ns).where("object", "=", object).executeTakeFirst();
  return dnsSubdomainProblem(name) === undefined && !(await taken(name)) ? name : suffixed(name, id);
}

/** The same for a version: `<pipeline>-<version>`, as upstream, or the name alone if both are the same. */
export async function freeVersionName(
  db: PipelineDatabase,
  { ns, id, name, pipeline }: Named & { readonly pipeline: string },
): Promise<string> {
  const taken = (object: string) =>
    db.selectFrom("pipeline_version").select("id").where("ns", "=", ns).where("object", "=", object).executeTakeFirst();
  const wanted = name === pipeline ? name : `${pipeline}-${name}`;
  return dnsSubdomainProblem(wanted) === undefined && !(await taken(wanted)) ? wanted : suffixed(wanted, id);
}

/** As far as Kubernetes takes it, and what nobody else has. */
function suffixed(name: string, id: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 100);
  return `${plain || "pipeline"}-${id.slice(0, 8)}`;
}
