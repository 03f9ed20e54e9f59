import { type SelectQueryBuilder, sql, type SqlBool } from "kysely";

/** Which objects of a kind are asked for, in the order of namespaces and names. */
export interface ObjectSearch {
  /** Empty for all. */
  readonly namespace: string;
  readonly names?: readonly string[] | undefined;
  /** What the page before ended with. */
  readonly after?: NamePlace | undefined;
  readonly limit?: number;
}

export interface NamePlace {
  readonly ns: string;
  readonly name: string;
}

/** Those of the query's rows that are asked for; `columns` are those that hold an object's namespace and name. */
export async function findObjects<DB, Tables extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, Tables, Row>,
  columns: NamePlace,
  { namespace, names, after, limit }: ObjectSearch,
): Promise<readonly Row[]> {
  if (names?.length === 0) return [];
  const [ns, name] = [sql.ref(columns.ns), sql.ref(columns.name)];
  let found = query.orderBy(ns).orderBy(name);
  if (namespace !== "") found = found.where(sql<SqlBool>`${ns} = ${namespace}`);
  if (names) found = found.where(sql<SqlBool>`${name} in (${sql.join(names)})`);
  if (after)
    found = found.where(sql<SqlBool>`(${ns} > ${after.ns} or (${ns} = ${after.ns} and ${name} > ${after.name}))`);
  if (limit !== undefined) found = found.limit(limit);
  return found.execute();
}
