import assert from "node:assert/strict";
import { test } from "node:test";
import { testFace } from "../testing/platform.ts";

test("unknown paths are 404 and wrong methods 405, in KFP's form", async () => {
  await using face = await testFace();
  const asked: readonly (readonly [method: string, path: string, status: number, code: number])[] = [
    ["GET", "/apis/v2beta1/nothing", 404, 5],
    ["POST", "/apis/v2beta1/runs/r/nothing/at/all", 404, 5],
    ["GET", "/pipeline/apis/v2beta1/nothing", 404, 5],
    ["GET", "/apis/v1beta1/nothing", 404, 5],
    ["GET", "/pipeline/apis/v1alpha1/runs/r", 404, 5],
    ["OPTIONS", "/apis/v2beta1/nothing", 404, 5],
    ["OPTIONS", "/apis/v2beta1/experiments", 405, 12],
    ["OPTIONS", "/apis/v1beta1/runs/r", 405, 12],
    ["POST", "/apis/v1beta1/runs", 405, 12],
    ["PUT", "/apis/v1alpha1/runs/r/nodes/n/log", 405, 12],
    ["PUT", "/apis/v2beta1/experiments", 405, 12],
    ["PATCH", "/apis/v2beta1/runs/r", 405, 12],
    ["POST", "/apis/v2beta1/experiments/e", 405, 12],
    ["POST", "/apis/v2beta1/recurringruns/r:explode", 405, 12],
  ];
  for (const [method, path, status, code] of asked) {
    const answer = await face.call(method, path);
    assert.deepEqual([answer.status, answer.json["code"]], [status, code], `${method} ${path}: ${answer.text}`);
    assert.equal(typeof answer.json["message"], "string");
  }
  const written = await face.call("POST", "/apis/v1beta1/jobs", { body: {} });
  assert.match(String(written.json["message"]), /it takes GET; v1beta1 is there to be read, write by v2beta1$/);
});

test("a parameter of a query is sent once, in either spelling; one that nobody reads may be anything", async () => {
  await using face = await testFace();
  const path = "/apis/v2beta1/experiments";
  for (const query of ["page_size=1&page_size=2", "page_size=1&pageSize=1"]) {
    const { status, json } = await face.call("GET", path, { query });
    assert.deepEqual([status, json["message"]], [400, "page_size: is set 2 times in the query; set it once"]);
  }
  assert.equal((await face.call("GET", path, { query: "colour=red&colour=blue" })).status, 200);
});
