import { layoutGraph, type GraphLayout, type LayoutEdge, type LayoutNode } from "./graph-layout.ts";

export interface LayoutRequest {
  readonly id: number;
  readonly nodes: readonly LayoutNode[];
  readonly edges: readonly LayoutEdge[];
}

export interface LayoutAnswer {
  readonly id: number;
  readonly layout: GraphLayout;
}

// Runs in a worker of the page: the layout of a thousand nodes must not hold up a frame.
addEventListener("message", (event: MessageEvent<LayoutRequest>) => {
  const { id, nodes, edges } = event.data;
  const answer: LayoutAnswer = { id, layout: layoutGraph(nodes, edges) };
  postMessage(answer);
});
