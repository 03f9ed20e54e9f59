import assert from "node:assert/strict";
import { test } from "node:test";
import { hostProxy } from "./proxy.ts";

test("the proxy is taken from the variables that other programs read, small letters first", () => {
  assert.deepEqual(hostProxy({ HTTPS_PROXY: "http://big:1", https_proxy: "http://small:2", NO_PROXY: ".example" }), {
    proxy: { url: "http://small:2", direct: ".example" },
  });
  assert.deepEqual(hostProxy({ HTTP_PROXY: "proxy:3128" }), { proxy: { url: "http://proxy:3128", direct: "" } });
});

test("a host without a proxy, or with one that CONNECT does not reach, has none", () => {
  assert.deepEqual(hostProxy({}), {});
  assert.deepEqual(hostProxy({ ALL_PROXY: "socks5://proxy:1080" }), {});
});
