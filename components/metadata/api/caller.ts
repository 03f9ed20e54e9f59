import { ApiError, type Authorizer, type Clock, isAnonymous, serviceAccountOf, type User } from "@headrace/model";
import type { Records } from "@headrace/records";
import { type Call, RpcError } from "@headrace/rpc";
import type { NodeKind } from "../core/filter.ts";
import type { MetadataNode } from "../core/nodes.ts";
import { isOwn } from "../core/ownership.ts";
import type { MetadataTables } from "../records/tables.ts";
import { MetadataView, type PipelineFacts, type Visible } from "../records/view.ts";
import { type Lineage, MetadataWriter } from "../records/writer.ts";

export interface MetadataOptions {
  readonly records: Records;
  readonly pipelines: PipelineFacts;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  /** Where people's own nodes go; those of a service account go into its own namespace. */
  readonly namespace: string;
}

/** Lineage is what runs leave behind: who may look at the runs of a namespace may look at it. */
const resource = { group: "pipelines.kubeflow.org", resource: "runs", name: "" };

/** The store as the caller may see it. Throws ApiError for those who may see nothing at all. */
export async function viewFor(options: MetadataOptions, { user }: Call): Promise<MetadataView> {
  return new MetadataView(options.records, options.pipelines, await visibleTo(options, user));
}

async function visibleTo({ records, authorizer, namespace }: MetadataOptions, user: User): Promise<Visible> {
  const mayList = async (ns: string) => authorizer.authorize({ user, verb: "list", namespace: ns, ...resource });
  if ((await mayList("")).allowed) return undefined;
  const visible: string[] = [];
  let reason = "";
  for (const ns of new Set([namespace, namespaceOf(user, namespace), ...(await namespacesOf(records))])) {
    const decision = await mayList(ns);
    if (decision.allowed) visible.push(ns);
    else reason ||= decision.reason;
  }
  if (visible.length === 0) throw refusal(user, "list", namespaceOf(user, namespace), reason);
  return visible;
}

/** Every namespace that has runs or nodes: one step in the index each. */
async function namespacesOf(records: Records): Promise<readonly string[]> {
  const { db } = records.all<MetadataTables>();
  const found: string[] = [];
  for (const table of ["context", "metadata_node", "metadata_type"] as const) {
    for (let last = ""; ;) {
      const row = await db
        .selectFrom(table)
        .select(({ fn }) => fn.min("ns").as("ns"))
        .where("ns", ">", last)
        .executeTakeFirst();
      if (!row?.ns) break;
      last = row.ns;
      found.push(last);
    }
  }
  return found;
}

const namespaceOf = (user: User, otherwise: string): string => serviceAccountOf(user)?.namespace ?? otherwise;

function refusal(user: User, verb: string, ns: string, reason: string): ApiError {
  return new ApiError(
    isAnonymous(user) ? "Unauthorized" : "Forbidden",
    `User "${user.name}" cannot ${verb} metadata in namespace "${ns}": ${reason}`,
  );
}

/** What of the lineage a request speaks of, by its ids. */
export type Mentioned = Readonly<Partial<Record<NodeKind, readonly (number | undefined)[]>>>;

/** Writes all of a request in one transaction, or nothing. */
export async function write<R>(
  options: MetadataOptions,
  { user }: Call,
  mentioned: Mentioned,
  body: (writer: MetadataWriter) => Promise<R>,
): Promise<R> {
  const { records, pipelines, authorizer, clock } = options;
  const ns = namespaceOf(user, options.namespace);
  const { allowed, reason } = await authorizer.authorize({ user, verb: "create", namespace: ns, ...resource });
  if (!allowed) throw refusal(user, "write", ns, reason);
  const view = new MetadataView(records, pipelines, [ns]);
  const lineage: Lineage = {
    artifact: await lineageOf(view, "artifact", mentioned),
    execution: await lineageOf(view, "execution", mentioned),
    context: await lineageOf(view, "context", mentioned),
  };
  return records
    .in<MetadataTables>(ns)
    .transaction(({ db }) => body(new MetadataWriter(db, { ns, now: clock.now(), lineage })));
}

async function lineageOf(
  view: MetadataView,
  kind: NodeKind,
  mentioned: Mentioned,
): Promise<ReadonlyMap<number, MetadataNode>> {
  const ids = (mentioned[kind] ?? []).filter((id) => id !== undefined).filter((id) => !isOwn(id));
  return ids.length === 0 ? new Map() : view.byIds(kind, ids);
}

/** Nodes and edges of one request. */
const mostAtOnce = 10_000;

export function checkCount(...lists: readonly (readonly unknown[] | undefined)[]): void {
  const count = lists.reduce((sum, list) => sum + (list?.length ?? 0), 0);
  if (count > mostAtOnce) {
    throw new RpcError("RESOURCE_EXHAUSTED", `Cannot take ${count} at once: send at most ${mostAtOnce} in one request`);
  }
}
