import { sql, type SqlBool } from "kysely";

/** Which objects of a kind are asked for, in the order of namespaces and names. */
export interface ObjectSearch {
  /** Empty for all. */
  readonly namespace: string;
  readonly names?: readonly string[] | undefined;
  /** What the page before ended with. */
  readonly after?: { readonly ns: string; readonly name: string } | undefined;
  readonly limit?: number;
}

export function isAfter(nsColumn: string, nameColumn: string, after: ObjectSearch["after"]) {
  const [ns, name] = [sql.ref(nsColumn), sql.ref(nameColumn)];
  const { ns: lastNs = "", name: lastName = "" } = after ?? {};
  return sql<SqlBool>`(${ns} > ${lastNs} or (${ns} = ${lastNs} and ${name} > ${lastName}))`;
}
