import assert from "node:assert/strict";
import { test } from "node:test";
import { localUrl, namesOf } from "./addresses.ts";

test("a server on every address has a certificate for this machine's own, and one on a single address for that", () => {
  assert.ok(namesOf("0.0.0.0").includes("127.0.0.1"));
  assert.ok(namesOf("::").length > 1);
  assert.deepEqual(namesOf("192.0.2.7"), ["192.0.2.7"]);
});

test("this machine's clients call loopback where the server listens everywhere", () => {
  assert.equal(localUrl("https://0.0.0.0:6443", "0.0.0.0"), "https://127.0.0.1:6443");
  assert.equal(localUrl("http://[::]:8080", "::"), "http://[::1]:8080");
  assert.equal(localUrl("http://192.0.2.7:8080", "192.0.2.7"), "http://192.0.2.7:8080");
});
