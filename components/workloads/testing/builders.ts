import { Node, Pod } from "@headrace/k8s";
import type { Client } from "@headrace/client";

type PodOverrides = {
  readonly metadata?: Partial<Pod["metadata"]>;
  readonly spec?: Partial<Pod["spec"]>;
  readonly cpu?: string;
};

/** A pod of one container in namespace default. */
export function pod(name: string, { metadata, spec, cpu }: PodOverrides = {}): Pod {
  const resources = cpu === undefined ? {} : { resources: { requests: { cpu } } };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", ...metadata },
    spec: { containers: [{ name: "main", image: "python:3.11", ...resources }], ...spec } as Pod["spec"],
  };
}

interface NodeOverrides {
  readonly labels?: Readonly<Record<string, string>>;
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly spec?: Node["spec"];
  readonly ready?: boolean;
}

/** Creates a ready node as the node agent does: the object, then its status. */
export async function createNode(client: Client, name: string, overrides: NodeOverrides = {}): Promise<Node> {
  const { labels = {}, allocatable, spec = {}, ready = true } = overrides;
  const nodes = client.resource(Node);
  const node = await nodes.create({ apiVersion: "v1", kind: "Node", metadata: { name, labels }, spec });
  const room = { cpu: "4", memory: "8Gi", pods: "32", ...allocatable };
  return nodes.update(
    {
      ...node,
      status: { capacity: room, allocatable: room, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
    },
    { subresource: "status" },
  );
}

/** Writes a phase as the node agent does. */
export async function setPhase(client: Client, name: string, phase: "Running" | "Succeeded" | "Failed"): Promise<Pod> {
  const pods = client.resource(Pod);
  const current = await pods.get({ namespace: "default", name });
  return pods.update({ ...current, status: { ...current.status, phase } }, { subresource: "status" });
}
