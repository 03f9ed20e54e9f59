import assert from "node:assert/strict";
import { test } from "node:test";
import { isApiError, platformUser, readBody, type ApiRequest } from "./index.ts";

function request(
  chunks: readonly string[],
  headers: Readonly<Record<string, string>> = {},
): ApiRequest & { readonly read: () => number } {
  let read = 0;
  async function* body(): AsyncIterable<Uint8Array> {
    for (const chunk of chunks) {
      read++;
      yield new TextEncoder().encode(chunk);
    }
  }
  return {
    method: "POST",
    path: "/",
    query: new URLSearchParams(),
    headers,
    user: platformUser,
    signal: new AbortController().signal,
    body: body(),
    read: () => read,
  };
}

test("a body is read whole", async () => {
  assert.equal(new TextDecoder().decode(await readBody(request(["ab", "cd"]), 4)), "abcd");
  const { body: _none, ...bodiless } = request([]);
  assert.equal((await readBody(bodiless, 4)).length, 0);
});

test("a body over the limit is refused without being read on", async () => {
  const long = request(["abc", "de", "f", "g"]);
  await assert.rejects(readBody(long, 4), (error) => isApiError(error, "RequestEntityTooLarge"));
  assert.equal(long.read(), 2);
  const announced = request(["a"], { "content-length": "5" });
  await assert.rejects(readBody(announced, 4), (error) => isApiError(error, "RequestEntityTooLarge"));
  assert.equal(announced.read(), 0);
});
