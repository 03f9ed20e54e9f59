import { isStepType } from "../resources/index.ts";

/** One end of an artifact at a step. */
export interface LineageEdge {
  readonly artifact: LineageArtifact;
  readonly task: LineageTask;
  readonly direction: "in" | "out";
  /** The step's name for it. */
  readonly port: string;
}

export interface LineageArtifact {
  readonly uid: string;
  readonly number: number;
  readonly type: string;
}

export interface LineageTask {
  readonly uid: string;
  readonly number: number;
  readonly name: string;
  readonly key: string;
  readonly type: string;
  readonly state: string;
  readonly run: string;
  readonly runName: string;
}

/** Asks for the edges at some artifacts or tasks. */
export type AskEdges = (ends: {
  readonly artifacts?: readonly string[];
  readonly tasks?: readonly string[];
}) => Promise<readonly LineageEdge[]>;

export interface Lineage {
  readonly edges: readonly LineageEdge[];
  /** True if there is more than was walked. */
  readonly cut: boolean;
}

/** Groups hand artifacts on; only steps make and use them. */
const isStep = ({ task }: LineageEdge): boolean => isStepType(task.type);

/** A step whose outputs came from the cache made nothing. */
const isMaker = (edge: LineageEdge): boolean => edge.direction === "out" && edge.task.state !== "CACHED";

/**
 * Walks both ways from an artifact: to what it was made from, and to what was made of it, `depth` steps far. `most` bounds
 * the edges; what is nearest is kept.
 */
export async function walkLineage(
  start: string,
  ask: AskEdges,
  { depth, most }: { readonly depth: number; readonly most: number },
): Promise<Lineage> {
  const found = new Map<string, LineageEdge>();
  const keep = (edges: readonly LineageEdge[]): readonly LineageEdge[] => {
    const fresh = edges.filter((edge) => !found.has(edgeKey(edge)));
    for (const edge of fresh) found.set(edgeKey(edge), edge);
    return fresh;
  };
  let cut = false;
  const walk = async (way: "up" | "down"): Promise<void> => {
    const seen = new Set([start]);
    let artifacts: readonly string[] = [start];
    for (let step = 0; step < depth && artifacts.length > 0; step++) {
      if (found.size >= most) return void (cut = true);
      const around = (await ask({ artifacts })).filter(isStep);
      const near = around.filter((edge) => (way === "up" ? isMaker(edge) : edge.direction === "in"));
      keep(near);
      const tasks = [...new Set(near.map(({ task }) => task.uid))];
      const beyond = (await ask({ tasks })).filter((edge) => (way === "up" ? edge.direction === "in" : isMaker(edge)));
      keep(beyond);
      artifacts = [...new Set(beyond.map(({ artifact }) => artifact.uid))].filter((uid) => !seen.has(uid));
      for (const uid of artifacts) seen.add(uid);
    }
    if (artifacts.length > 0) {
      const rest = (await ask({ artifacts })).filter(isStep);
      cut ||= rest.some((edge) => (way === "up" ? isMaker(edge) : edge.direction === "in"));
    }
  };
  await walk("up");
  await walk("down");
  return { edges: [...found.values()], cut };
}

const edgeKey = ({ artifact, task, direction, port }: LineageEdge): string =>
  `${artifact.uid} ${task.uid} ${direction} ${port}`;
