import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRouter } from "./router.ts";

const router = (...patterns: string[]) =>
  createRouter(
    patterns.map((text) => {
      const [method = "", pattern = ""] = text.split(" ");
      return { method, pattern };
    }),
  );

function find(routes: ReturnType<typeof router>, method: string, path: string): unknown {
  const found = routes.find(method, path);
  return found && "route" in found ? [found.route.pattern, found.params] : found;
}

describe("the router", () => {
  const routes = router(
    "GET /runs",
    "POST /runs",
    "GET /runs/{id}",
    "POST /runs/{id}:archive",
    "POST /runs/{id}:terminate",
    "POST /runs:retry",
    "GET /runs/latest",
    "GET /runs/{id}/nodes/{node}/artifacts/{name}:read",
    "GET /notebook/{ns}/{name}/{path...}",
    "GET /{anything...}",
  );

  test("finds literals before placeholders, and placeholders before the rest", () => {
    assert.deepEqual(find(routes, "GET", "/runs"), ["/runs", {}]);
    assert.deepEqual(find(routes, "GET", "/runs/latest"), ["/runs/latest", {}]);
    assert.deepEqual(find(routes, "GET", "/runs/7"), ["/runs/{id}", { id: "7" }]);
    assert.deepEqual(find(routes, "GET", "/other/page"), ["/{anything...}", { anything: "other/page" }]);
  });

  test("tells custom verbs after a colon from ids", () => {
    assert.deepEqual(find(routes, "POST", "/runs/7:archive"), ["/runs/{id}:archive", { id: "7" }]);
    assert.deepEqual(find(routes, "POST", "/runs/7:terminate"), ["/runs/{id}:terminate", { id: "7" }]);
    assert.deepEqual(find(routes, "POST", "/runs:retry"), ["/runs:retry", {}]);
    assert.deepEqual(find(routes, "GET", "/runs/7/nodes/a/artifacts/m.v1:read"), [
      "/runs/{id}/nodes/{node}/artifacts/{name}:read",
      { id: "7", node: "a", name: "m.v1" },
    ]);
  });

  test("decodes parameters, encoded slashes and colons among them, after it has split the path", () => {
    assert.deepEqual(find(routes, "GET", "/runs/a%2Fb%3Aarchive"), ["/runs/{id}", { id: "a/b:archive" }]);
    assert.throws(() => routes.find("GET", "/runs/%E0%A4"), { reason: "BadRequest" });
  });

  test("gives the rest of a path as it is, slashes at its end included", () => {
    assert.deepEqual(find(routes, "GET", "/notebook/team/nb/api/kernels/"), [
      "/notebook/{ns}/{name}/{path...}",
      { ns: "team", name: "nb", path: "api/kernels/" },
    ]);
    assert.deepEqual(find(routes, "GET", "/notebook/team/nb/"), [
      "/notebook/{ns}/{name}/{path...}",
      { ns: "team", name: "nb", path: "" },
    ]);
  });

  test("says which methods a path takes, and lets HEAD be answered by GET", () => {
    assert.deepEqual(find(router("GET /a", "PUT /a"), "POST", "/a"), { allow: ["GET", "PUT"] });
    assert.deepEqual(find(router("GET /a"), "HEAD", "/a"), ["/a", {}]);
    assert.equal(find(router("GET /a"), "GET", "/b"), undefined);
    assert.equal(find(router("GET /a/{id}"), "GET", "/a/"), undefined);
  });

  test("refuses two routes of one shape, and patterns that are none", () => {
    assert.throws(() => router("GET /runs/{id}", "GET /runs/{run}"), { code: "ROUTE_INVALID", message: /\{id\}/ });
    assert.throws(() => router("GET /runs/{a}{b}"), { code: "ROUTE_INVALID" });
  });
});
