import type { Records } from "@headrace/records";
import type { MetadataType } from "../core/nodes.ts";
import type { MetadataDatabase, MetadataTables } from "./tables.ts";

/** Types of one namespace: more are refused. */
export const mostTypes = 10_000;

/** The types that everybody has, and those of the visible namespaces. */
export async function readTypes(
  db: MetadataDatabase,
  visible: readonly string[] | undefined,
): Promise<readonly MetadataType[]> {
  let query = db.selectFrom("metadata_type").selectAll().orderBy("id");
  if (visible) query = query.where("ns", "in", ["", ...visible]);
  const rows = await query.execute();
  return rows.map(({ description, external_id, properties, rest, ...row }) => ({
    ...row,
    description: description ?? undefined,
    external_id: external_id ?? undefined,
    properties: JSON.parse(properties) as MetadataType["properties"],
    rest: JSON.parse(rest) as MetadataType["rest"],
  }));
}

/** Gives numbers to types that the lineage's artifacts have and nobody has asked for before. */
export async function ensureTypes(
  records: Records,
  types: readonly { readonly ns: string; readonly name: string }[],
): Promise<void> {
  const fresh = new Map(types.map(({ ns, name }) => [`${ns}/${name}`, { ns, name }]));
  await records.all<MetadataTables>().transaction(async ({ db }) => {
    for (const { ns, name } of fresh.values()) {
      await db
        .insertInto("metadata_type")
        .values({
          ns,
          kind: "artifact",
          name,
          version: "",
          description: null,
          external_id: null,
          properties: "{}",
          rest: "{}",
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  });
}
