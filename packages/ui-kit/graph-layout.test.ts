import assert from "node:assert/strict";
import { test } from "node:test";
import {
  frameSize,
  layoutGraph,
  neighbour,
  nodeSize,
  type LayoutEdge,
  type LayoutNode,
  type Placed,
} from "./graph-layout.ts";

const chain = (...ids: readonly string[]): readonly LayoutEdge[] =>
  ids.slice(1).map((to, index) => ({ from: ids[index] ?? "", to }));
const nodes = (...ids: readonly string[]): readonly LayoutNode[] => ids.map((id) => ({ id }));
const box = (placed: Readonly<Record<string, Placed>>, id: string): Placed =>
  placed[id] ?? assert.fail(`${id} was not placed`);

const overlap = (a: Placed, b: Placed): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

test("a chain runs from left to right in one line", () => {
  const { nodes: placed, edges, height } = layoutGraph(nodes("a", "b", "c"), chain("a", "b", "c"));
  assert.ok(box(placed, "a").x < box(placed, "b").x && box(placed, "b").x < box(placed, "c").x);
  assert.equal(height, nodeSize.height);
  assert.ok(
    edges.every((edge) => edge.points.length === 2),
    "straight edges have no corners",
  );
});

test("every edge is made of horizontal and vertical stretches and ends at its nodes", () => {
  const ids = Array.from({ length: 30 }, (_, index) => `n${index}`);
  const edges = ids.flatMap((id, index) =>
    [2 * index + 1, 2 * index + 2, index + 9]
      .filter((to) => to < ids.length)
      .map((to) => ({ from: id, to: ids[to] ?? "" })),
  );
  const layout = layoutGraph(nodes(...ids), edges);
  for (const edge of layout.edges) {
    const [from, to] = [box(layout.nodes, edge.from), box(layout.nodes, edge.to)];
    assert.deepEqual(edge.points[0], { x: from.x + from.width, y: from.y + from.height / 2 });
    assert.deepEqual(edge.points.at(-1), { x: to.x, y: to.y + to.height / 2 });
    edge.points.slice(1).forEach((point, index) => {
      const before = edge.points[index];
      assert.ok(before && (before.x === point.x || before.y === point.y), `${edge.from} to ${edge.to} has a slope`);
    });
  }
});

test("a large graph is laid out by the same rules: nothing overlaps, edges run to the right and end at their nodes", () => {
  const ids = Array.from({ length: 600 }, (_, index) => `n${index}`);
  const edges = ids.flatMap((id, index) =>
    [index + 20, ...(index % 7 === 0 ? [index + 21] : []), ...(index % 50 === 0 ? [index + 130] : [])]
      .filter((to) => to < ids.length)
      .map((to) => ({ from: id, to: ids[to] ?? "" })),
  );
  const layout = layoutGraph(nodes(...ids), edges);
  const boxes = ids.map((id) => box(layout.nodes, id));
  for (const [index, one] of boxes.entries())
    assert.ok(
      boxes.slice(index + 1).every((other) => !overlap(one, other)),
      `${ids[index]} is covered`,
    );
  for (const edge of layout.edges) {
    const [from, to] = [box(layout.nodes, edge.from), box(layout.nodes, edge.to)];
    assert.ok(from.x + from.width < to.x);
    assert.deepEqual(edge.points[0], { x: from.x + from.width, y: from.y + from.height / 2 });
    assert.deepEqual(edge.points.at(-1), { x: to.x, y: to.y + to.height / 2 });
    edge.points.slice(1).forEach((point, index) => {
      const before = edge.points[index];
      assert.ok(before && (before.x === point.x || before.y === point.y), `${edge.from} to ${edge.to} has a slope`);
    });
  }
});

test("a large graph that runs in a circle is drawn all the same", () => {
  const ids = Array.from({ length: 400 }, (_, index) => `n${index}`);
  const { nodes: placed } = layoutGraph(nodes(...ids), [...chain(...ids), { from: "n399", to: "n200" }]);
  assert.equal(Object.keys(placed).length, 400);
});

test("no two siblings overlap, frames included", () => {
  const layout = layoutGraph(
    [
      ...nodes("load", "split", "report"),
      { id: "loop", open: true, strip: true },
      { id: "make", parent: "loop" },
      { id: "train", parent: "loop" },
    ],
    [...chain("load", "split", "loop", "report"), ...chain("make", "train")],
  );
  const siblings = ["load", "split", "report", "loop"].map((id) => box(layout.nodes, id));
  siblings.forEach((a, index) => siblings.slice(index + 1).forEach((b) => assert.ok(!overlap(a, b))));
});

test("an open frame holds its children below its head and its strip", () => {
  const layout = layoutGraph(
    [
      { id: "loop", open: true, strip: true },
      { id: "make", parent: "loop" },
    ],
    [],
  );
  const [loop, make] = [box(layout.nodes, "loop"), box(layout.nodes, "make")];
  assert.equal(make.x, loop.x + frameSize.padding);
  assert.equal(make.y, loop.y + frameSize.head + frameSize.strip + frameSize.padding);
  assert.ok(make.y + make.height <= loop.y + loop.height);
});

test("wires that run around nodes stay inside the drawing", () => {
  const ids = Array.from({ length: 40 }, (_, index) => `n${index}`);
  const edges = ids.flatMap((id, index) =>
    [index + 1, index + 4, index + 13].filter((to) => to < ids.length).map((to) => ({ from: id, to: ids[to] ?? "" })),
  );
  const layout = layoutGraph(nodes(...ids), edges);
  const heights = layout.edges.flatMap((edge) => edge.points.map((point) => point.y));
  assert.ok(Math.min(...heights) >= 0 && Math.max(...heights) <= layout.height);
});

test("a closed frame is a node, and its children have no place", () => {
  const layout = layoutGraph([{ id: "loop" }, { id: "make", parent: "loop" }], []);
  assert.deepEqual(layout.nodes["loop"], { x: 0, y: 0, ...nodeSize });
});

test("many nodes without edges form a block, not one endless column", () => {
  const { width, height } = layoutGraph(nodes(...Array.from({ length: 400 }, (_, index) => `n${index}`)), []);
  assert.ok(height < 4 * width);
});

test("many nodes between the same two form a block, from which and to which the edges run around them", () => {
  const ids = Array.from({ length: 40 }, (_, index) => `n${index}`);
  const edges = ids.flatMap((id) => chain("load", id, "report"));
  const layout = layoutGraph(nodes("load", ...ids, "report"), edges);
  assert.ok(layout.height < layout.width);
  assert.equal(layout.edges.length, 80);
  const boxes = ids.map((id) => box(layout.nodes, id));
  for (const edge of layout.edges) {
    const [from, to] = [box(layout.nodes, edge.from), box(layout.nodes, edge.to)];
    assert.deepEqual(edge.points[0], { x: from.x + from.width, y: from.y + from.height / 2 });
    assert.deepEqual(edge.points.at(-1), { x: to.x, y: to.y + to.height / 2 });
    edge.points.slice(1).forEach((point, index) => {
      const before = edge.points[index] ?? point;
      assert.ok(before.x === point.x || before.y === point.y, `${edge.from} to ${edge.to} has a slope`);
      const stretch = {
        x: Math.min(before.x, point.x),
        y: Math.min(before.y, point.y),
        width: Math.abs(point.x - before.x),
        height: Math.abs(point.y - before.y),
      };
      assert.ok(!boxes.some((each) => overlap(each, stretch)), `${edge.from} to ${edge.to} crosses a node`);
    });
  }
});

test("the same graph is laid out the same way again", () => {
  const edges = [...chain("a", "b", "d"), ...chain("a", "c", "d")];
  assert.deepEqual(layoutGraph(nodes("a", "b", "c", "d"), edges), layoutGraph(nodes("a", "b", "c", "d"), edges));
});

test("edges to unknown nodes and loops onto oneself are left out", () => {
  assert.deepEqual(
    layoutGraph(nodes("a"), [
      { from: "a", to: "a" },
      { from: "a", to: "gone" },
    ]).edges,
    [],
  );
});

test("arrow keys find the neighbour in their direction", () => {
  const { nodes: placed } = layoutGraph(nodes("a", "b", "c"), [
    { from: "a", to: "b" },
    { from: "a", to: "c" },
  ]);
  assert.equal(neighbour(placed, "b", "left"), "a");
  assert.equal(neighbour(placed, "a", "left"), undefined);
  const upper = box(placed, "b").y < box(placed, "c").y ? "b" : "c";
  assert.equal(neighbour(placed, upper, "down"), upper === "b" ? "c" : "b");
});
