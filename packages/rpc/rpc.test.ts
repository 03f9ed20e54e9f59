import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { toJson } from "@bufbuild/protobuf";
import { eventually } from "@headrace/model/testing";
import { describeServices } from "./descriptors.ts";
import { badRequestDetail } from "./status.ts";
import { greeter, serveGreeter } from "./testing/greeter.ts";
import { messageOf, plainOf } from "./values.ts";

const registry = describeServices([greeter], [badRequestDetail]);
const greeterDesc = registry.getService("test.v1.Greeter");
const noteDesc = registry.getMessage("test.v1.Note");
assert.ok(greeterDesc && noteDesc);

type Transport = ReturnType<typeof createGrpcTransport>;

/** Calls as a generated client would, with our plain values at both ends. */
function clientOf(transport: Transport) {
  assert.ok(greeterDesc);
  const client = createClient(greeterDesc, transport) as Record<
    string,
    ((request: object, options?: object) => Promise<object>) | undefined
  >;
  return async (method: keyof typeof greeter.methods, request: object, options?: object) => {
    const desc = registry.getMessage("test.v1.Ask");
    assert.ok(desc && noteDesc);
    const answered = await client[method.toLowerCase()]?.(messageOf(desc, request), options);
    return plainOf(noteDesc, answered as Parameters<typeof plainOf>[1]);
  };
}

const everything = {
  id: 9_007_199_254_740_991,
  mood: "SAD",
  words: ["a", ""],
  weights: { x: 0.5, y: 0 },
  by_id: { "12": "twelve" },
  facts: { list: [1, "two", null], deep: { yes: true } },
  raw: "AAEC",
  inner: { flag: false },
  number: 0,
};

describe("a service", () => {
  test("answers gRPC, gRPC-web and HTTP on one port, every field as it was sent", async () => {
    await using server = await serveGreeter();
    const { url } = server;
    const grpc = clientOf(createGrpcTransport({ baseUrl: url }));
    const web = clientOf(createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" }));
    assert.deepEqual(await grpc("Echo", { note: everything }), everything);
    assert.deepEqual(await web("Echo", { note: everything }), everything);
    assert.deepEqual(await grpc("Echo", {}), {});
    const plain = await fetch(`${url}/plain`);
    assert.equal(await plain.text(), "plain");
  });

  test("answers a plain POST of JSON, as Connect has it", async () => {
    await using server = await serveGreeter();
    const { url } = server;
    const response = await fetch(`${url}/test.v1.Greeter/Echo`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ note: { id: "7", mood: "GLAD", facts: { a: 1 } } }),
    });
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { id: "7", mood: "GLAD", facts: { a: 1 } });
  });

  test("answers gRPC-web in base64, each message padded by itself", async () => {
    await using server = await serveGreeter();
    const { url } = server;
    assert.ok(noteDesc);
    const message = Buffer.from([0x12, 0x02, 0x08, 0x05]); // note { id: 5 }
    const response = await fetch(`${url}/test.v1.Greeter/Echo`, {
      method: "POST",
      headers: { "content-type": "application/grpc-web-text", "x-grpc-web": "1" },
      body: `${frame(message.length).toString("base64").slice(0, 3)}${Buffer.concat([frame(message.length), message])
        .toString("base64")
        .slice(3)}`,
    });
    assert.equal(response.headers.get("content-type"), "application/grpc-web-text+proto");
    const parts = (await response.text()).match(/[^=]+=*/g) ?? [];
    const bytes = Buffer.concat(parts.map((part) => Buffer.from(part, "base64")));
    assert.deepEqual([...bytes.subarray(0, 7)], [0, 0, 0, 0, 2, 0x08, 0x05]);
    assert.match(bytes.subarray(7).toString(), /grpc-status: ?0/);
  });

  test("takes compressed messages, and refuses what unpacks to more than it reads", async () => {
    await using server = await serveGreeter();
    const { url } = server;
    const send = (message: Buffer) =>
      fetch(`${url}/test.v1.Greeter/Echo`, {
        method: "POST",
        headers: { "content-type": "application/grpc-web+proto", "grpc-encoding": "gzip" },
        body: new Uint8Array(Buffer.concat([frame(message.length, 1), message])),
      });
    const small = await (await send(gzipSync(Buffer.from([0x12, 0x02, 0x08, 0x05])))).bytes();
    assert.deepEqual([...small.subarray(5, 7)], [0x08, 0x05]);
    const bomb = gzipSync(Buffer.alloc(17 << 20));
    assert.match(Buffer.from(await (await send(bomb)).bytes()).toString(), /grpc-status: ?8/);
  });

  test("knows who calls and what they say in their metadata", async () => {
    await using server = await serveGreeter();
    const { url } = server;
    const call = clientOf(createGrpcTransport({ baseUrl: url }));
    assert.deepEqual(await call("Who", {}, { headers: { authorization: "Bearer ana", "x-note": "hello" } }), {
      text: "ana hello",
    });
    assert.deepEqual(await call("Who", {}), { text: "system:anonymous " });
  });

  test("fails in gRPC's words, with the fields at fault, and keeps its bugs to itself", async () => {
    await using server = await serveGreeter();
    const { url } = server;
    const call = clientOf(createGrpcTransport({ baseUrl: url }));
    const failing = async (how: string, options?: object) => failureOf(call("Fail", { how }, options));
    assert.deepEqual(shown(await failing("missing")), [Code.NotFound, "There is no such note"]);
    assert.deepEqual(shown(await failing("state")), [Code.FailedPrecondition, "The note is being read"]);
    const refused = await failing("invalid");
    assert.equal(refused.code, Code.InvalidArgument);
    const desc = registry.getMessage("google.rpc.BadRequest");
    assert.ok(desc);
    const [detail] = refused.findDetails(registry);
    assert.deepEqual(detail && toJson(desc, detail), {
      fieldViolations: [{ field: "spec.mood", description: "must be glad" }],
    });
    assert.deepEqual(shown(await failing("bug")), [Code.Internal, "Internal error occurred"]);
    assert.equal(server.bugs.length, 1);
    const unknown = await failing("missing", { headers: { authorization: "Bearer wrong" } });
    assert.deepEqual(shown(unknown), [Code.Unauthenticated, "The token is not known"]);
  });

  test("says in gRPC's words that a method or service is not served", async () => {
    await using server = await serveGreeter();
    const { url } = server;
    for (const path of ["/test.v1.Greeter/Sing", "/test.v1.Nobody/Sing"]) {
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/grpc-web+proto" },
        body: new Uint8Array(frame(0)),
      });
      assert.equal(response.headers.get("grpc-status"), "12");
    }
  });

  test("is audited, but for what only reads", async () => {
    await using server = await serveGreeter();
    const call = clientOf(createGrpcTransport({ baseUrl: server.url }));
    await call("Echo", {});
    await call("Who", {});
    assert.deepEqual(server.audited, ["/test.v1.Greeter/Who"]);
  });

  test("stops a call at its deadline", async () => {
    await using server = await serveGreeter();
    const { url } = server;
    const call = clientOf(createGrpcTransport({ baseUrl: url }));
    const failed = await failureOf(call("Wait", {}, { timeoutMs: 30 }));
    assert.equal(failed.code, Code.DeadlineExceeded);
  });
});

describe("a port for HTTP/1.1 and HTTP/2", () => {
  test("waits for a preface that comes in pieces, and serves HTTP/1.1 that comes in pieces", async () => {
    await using server = await serveGreeter();
    const { port } = server;
    const socket = connect(port, "127.0.0.1");
    const answered: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => answered.push(chunk));
    for (const piece of ["P", "RI * HTTP/2.0\r\n\r\nSM", "\r\n\r\n"]) await written(socket, piece);
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    // The server's own SETTINGS frame.
    await eventually("the settings", () => Buffer.concat(answered)[3] === 4);
    socket.destroy();
    const plain = connect(port, "127.0.0.1");
    plain.on("data", (chunk: Buffer) => answered.push(chunk));
    for (const piece of ["G", "ET /plain HTTP/1.1\r\nHost: x", "\r\nConnection: close\r\n\r\n"])
      await written(plain, piece);
    await eventually("the answer", () => /HTTP\/1.1 200 OK[^]*plain$/.test(Buffer.concat(answered).toString()));
  });

  test("serves HTTP/1.1 to those who offer to go on in HTTP/2", async () => {
    await using server = await serveGreeter();
    const socket = connect(server.port, "127.0.0.1");
    const answered: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => answered.push(chunk));
    const offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    socket.write(`GET /plain HTTP/1.1\r\nHost: x\r\n${offer}\r\n`);
    await eventually("the answer", () => /HTTP\/1.1 200 OK[^]*plain$/.test(Buffer.concat(answered).toString()));
    socket.destroy();
  });

  test("outlives those who speak nonsense", async () => {
    await using server = await serveGreeter();
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const reset = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]);
    const noise = Buffer.from(Array.from({ length: 500 }, (_, at) => (at * 7919) % 251));
    const gone = [
      Buffer.concat([preface, noise]),
      Buffer.concat([preface, settings, noise]),
      Buffer.concat([preface, settings, ...Array.from({ length: 2000 }, () => reset)]),
      Buffer.concat([preface.subarray(0, 10), noise]),
      noise,
    ].map(async (bytes) => {
      const socket = connect(server.port, "127.0.0.1").on("error", () => {});
      socket.resume();
      socket.end(bytes);
      await new Promise((resolve) => socket.once("close", resolve));
    });
    await Promise.all(gone);
    const call = clientOf(createGrpcTransport({ baseUrl: server.url }));
    assert.deepEqual(await call("Echo", { note: { id: 1 } }), { id: 1 });
    assert.deepEqual(server.bugs, []);
  });

  test("closes while a call goes on: the call is stopped, and the port is free", async () => {
    const server = await serveGreeter();
    const call = clientOf(createGrpcTransport({ baseUrl: server.url }));
    const waiting = failureOf(call("Wait", {}));
    await call("Echo", {});
    await server[Symbol.asyncDispose]();
    assert.equal((await waiting).code, Code.Canceled);
  });
});

function frame(length: number, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(length, 1);
  return head;
}

async function failureOf(calling: Promise<unknown>): Promise<ConnectError> {
  try {
    await calling;
  } catch (error) {
    return ConnectError.from(error);
  }
  return assert.fail("The call should have failed");
}

const shown = ({ code, rawMessage }: ConnectError) => [code, rawMessage];

const written = (socket: ReturnType<typeof connect>, text: string) =>
  new Promise<void>((resolve) => socket.write(text, () => setImmediate(resolve)));
