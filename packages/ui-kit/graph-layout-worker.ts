import { layoutGraph, type GraphLayout, type LayoutEdge, type LayoutNode } from "./graph-layout.ts";

export interface LayoutRequest {
  readonly nodes: readonly LayoutNode[];
  readonly edges: readonly LayoutEdge[];
}

export interface LayoutAnswer {
  readonly layout: GraphLayout;
}

// Runs in a worker of the page: the layout of a thousand nodes must not hold up a frame.
addEventListener("message", (event: MessageEvent<LayoutRequest>) => {
  const { nodes, edges } = event.data;
  const answer: LayoutAnswer = { layout: layoutGraph(nodes, edges) };
  postMessage(answer);
});
