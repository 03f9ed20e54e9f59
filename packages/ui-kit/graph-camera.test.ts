import assert from "node:assert/strict";
import { test } from "node:test";
import { firstView, fitted, revealed, scales, zoomed } from "./graph-camera.ts";

const room = { width: 1000, height: 800, top: 64 };
const drawing = (width: number, height: number) => ({ width, height, nodes: {}, edges: [] });

test("a small drawing is shown as it is, a large one as far as its names can be read", () => {
  assert.equal(fitted(drawing(300, 200), room).scale, 1);
  assert.equal(firstView(drawing(1200, 400), room, undefined).scale, (room.width - 48) / 1200);
  assert.equal(firstView(drawing(9000, 400), room, undefined).scale, scales.close);
});

test("a first look at a part is around the node that matters, and never beyond the drawing", () => {
  const large = drawing(9000, 400);
  const node = { x: 4000, y: 100, width: 216, height: 52 };
  const middle = firstView(large, room, node);
  assert.equal(middle.x + (node.x + node.width / 2) * middle.scale, room.width / 2);
  assert.equal(firstView(large, room, undefined).x, 24);
  const last = firstView(large, room, { ...node, x: 8784 });
  assert.equal(last.x + large.width * last.scale, room.width - 24);
});

test("what is pointed at stays where it is while the drawing grows", () => {
  const at = { x: 400, y: 300 };
  const before = { x: 10, y: 20, scale: 1 };
  const after = zoomed(before, 1.5, at);
  assert.equal((at.x - after.x) / after.scale, (at.x - before.x) / before.scale);
  assert.equal((at.y - after.y) / after.scale, (at.y - before.y) / before.scale);
  assert.equal(zoomed(before, 100, at).scale, scales.most);
});

test("a node comes into view with the least movement", () => {
  const view = { x: 0, y: 0, scale: 1 };
  assert.deepEqual(revealed(view, { x: 100, y: 100, width: 216, height: 52 }, 1000, 800), view);
  assert.equal(revealed(view, { x: 1200, y: 100, width: 216, height: 52 }, 1000, 800).x, 1000 - 24 - 1416);
  assert.equal(revealed(view, { x: -50, y: 100, width: 216, height: 52 }, 1000, 800).x, 24 + 50);
});
