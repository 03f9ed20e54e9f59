import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestError } from "./errors.ts";
import { createRequester, readFailure, type Fetch } from "./request.ts";

const answering =
  (body: BodyInit | null, init?: ResponseInit): Fetch =>
  () =>
    Promise.resolve(new Response(body, init));
const never = new AbortController().signal;

test("an answer without a body is undefined", async () => {
  assert.equal(await createRequester(answering(null)).json("/x"), undefined);
});

test("a failure carries the server's words, reason and request id", async () => {
  const body = JSON.stringify({ kind: "Status", message: "runs is forbidden", reason: "Forbidden" });
  const request = createRequester(answering(body, { status: 403, headers: { "x-request-id": "r-1" } }));
  await assert.rejects(
    request.json("/x"),
    (error) =>
      error instanceof RequestError &&
      error.status === 403 &&
      error.reason === "Forbidden" &&
      error.requestId === "r-1" &&
      error.message === "runs is forbidden",
  );
});

test("the short message in the details of a pipelines error wins over its chain of causes", () => {
  assert.equal(readFailure('{"code":9,"message":"a: b: c","details":[{"message":"short"}]}').message, "short");
  assert.equal(readFailure('{"error_message":"bad upload"}').message, "bad upload");
  assert.equal(readFailure("<html>").message, undefined);
  assert.equal(readFailure("plain words\nmore").message, "plain words");
});

test("no answer at all is status 0", async () => {
  const request = createRequester(() => Promise.reject(new TypeError("fetch failed")));
  await assert.rejects(request.json("/x"), (error) => error instanceof RequestError && error.status === 0);
});

test("a text is cut at its limit, and the rest is not read", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode("0123456789"));
    },
    cancel() {
      cancelled = true;
    },
  });
  assert.deepEqual(await createRequester(answering(body)).text("/x", { limit: 25, signal: never }), {
    text: "0123456789012345678901234",
    cut: true,
    type: "",
  });
  assert.ok(cancelled);
});

test("a range of bytes comes with the size of the whole, from servers that know ranges and from those that do not", async () => {
  const asked: unknown[] = [];
  const ranged: Fetch = (_, init) => {
    asked.push(init?.headers);
    return Promise.resolve(new Response("cde", { status: 206, headers: { "content-range": "bytes 2-4/10" } }));
  };
  const text = ({ bytes }: { bytes: Uint8Array }): string => new TextDecoder().decode(bytes);
  const part = await createRequester(ranged).bytes("/x", { from: 2, to: 5 });
  assert.deepEqual([text(part), part.total, asked], ["cde", 10, [{ range: "bytes=2-4" }]]);
  const whole = await createRequester(answering("abcdefghij")).bytes("/x", { from: 2, to: 5 });
  assert.deepEqual([text(whole), whole.total], ["cde", 10]);
  const beyond = answering("", { status: 416, headers: { "content-range": "bytes */0" } });
  assert.deepEqual((await createRequester(beyond).bytes("/x", { from: 0, to: 5 })).total, 0);
});

test("characters that lie across pieces stay whole", async () => {
  const bytes = new TextEncoder().encode("日本");
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes.slice(0, 2));
      controller.enqueue(bytes.slice(2));
      controller.close();
    },
  });
  assert.equal((await createRequester(answering(body)).text("/x", { limit: 100, signal: never })).text, "日本");
});

test("a form is sent as it is, so that the browser can write its content type", async () => {
  const sent: RequestInit[] = [];
  const request = createRequester((_, init) => {
    if (init) sent.push(init);
    return Promise.resolve(new Response("{}"));
  });
  const form = new FormData();
  await request.json("/upload", { method: "POST", form });
  assert.equal(sent[0]?.body, form);
  assert.equal(sent[0]?.headers, undefined);
});
