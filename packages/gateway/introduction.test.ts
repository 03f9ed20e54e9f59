import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { anonymousUser, systemClock, type AuthenticationRequest } from "@headrace/model";
import { createGateway } from "./gateway.ts";

/** As the relay writes it: from 10.192.0.2:40000 to 10.191.0.3:8888, of a group or of none. */
function introduce(group: string | undefined): Buffer {
  const addresses = Buffer.from([10, 192, 0, 2, 10, 191, 0, 3, 0x9c, 0x40, 0x22, 0xb8]);
  const field = group === undefined ? "" : `\xe0\0${String.fromCharCode(group.length)}${group}`;
  const content = Buffer.concat([addresses, Buffer.from(field, "latin1")]);
  return Buffer.concat([
    Buffer.from("\r\n\r\n\0\r\nQUIT\n\x21\x11\0", "latin1"),
    Buffer.from([content.length]),
    content,
  ]);
}

describe("connections that the relay brings", () => {
  const asked: AuthenticationRequest[] = [];
  const gateway = createGateway({
    routes: [
      { method: "GET", pattern: "/me", access: "open", handle: async () => ({ status: 200, headers: {}, body: "me" }) },
    ],
    kubeHandler: async () => ({ status: 404, headers: {} }),
    authenticator: {
      async authenticate(request) {
        asked.push(request);
        return anonymousUser;
      },
    },
    authorizer: { authorize: async () => ({ allowed: true, reason: "" }) },
    clock: systemClock,
  });
  let directory = "";
  let path = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "headrace-introduced-"));
    path = join(directory, "gateway.sock");
    await gateway.listen({ path, callers: "pods" });
  });
  after(async () => {
    await gateway.close();
    await rm(directory, { recursive: true });
  });

  const me = Buffer.from("GET /me HTTP/1.1\r\nHost: x\r\n\r\n");

  /** Sends the pieces one by one, as they might come over a network, and answers all that comes back. */
  async function talk(...pieces: readonly Buffer[]): Promise<string> {
    const socket = connect(path);
    const answer: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => answer.push(chunk));
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    // Whoever is cut may have more to say: what counts is what it was answered.
    socket.on("error", () => {});
    for (const piece of pieces) {
      await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
    }
    socket.end();
    await closed;
    return Buffer.concat(answer).toString();
  }

  const podsOf = (from: number): readonly (string | undefined)[] => asked.slice(from).map(({ remote }) => remote?.pod);

  test("are the pod's that they are introduced as, with every request", async () => {
    const from = asked.length;
    assert.match(await talk(introduce("pod-1"), me, me), /me[^]*me/);
    assert.match(await talk(Buffer.concat([introduce("pod-2"), me])), /me/);
    assert.match(await talk(introduce(undefined), me), /me/);
    assert.deepEqual(podsOf(from), ["pod-1", "pod-1", "pod-2", undefined]);
    assert.ok(asked.slice(from).every(({ remote }) => remote?.address === "pods"));
  });

  test("are so however the introduction comes in pieces", async () => {
    const from = asked.length;
    const bytes = [...introduce("pod-3")].map((byte) => Buffer.from([byte]));
    assert.match(await talk(...bytes, me), /me/);
    assert.deepEqual(podsOf(from), ["pod-3"]);
  });

  test("are so over HTTP/2, with every stream", async () => {
    const from = asked.length;
    const socket: Socket = connect(path);
    socket.write(introduce("pod-4"));
    const session = connectHttp2("http://x", { createConnection: () => socket });
    for (let n = 0; n < 2; n++) {
      const stream = session.request({ ":path": "/me" });
      const [body] = await once(stream.setEncoding("utf8"), "data");
      assert.equal(body, "me");
    }
    session.close();
    await once(session, "close");
    assert.deepEqual(podsOf(from), ["pod-4", "pod-4"]);
  });

  test("are nobody's that say so themselves: a second introduction is no request", async () => {
    const from = asked.length;
    assert.doesNotMatch(await talk(introduce("pod-5"), introduce("pod-6"), me), /200 OK/);
    assert.deepEqual(podsOf(from), []);
  });

  test("are cut if they are not introduced, or badly", async () => {
    const from = asked.length;
    const good = introduce("pod-7");
    const otherVersion = Buffer.from(good).fill(0x11, 12, 13);
    const otherFamily = Buffer.from(good).fill(0x21, 13, 14);
    const tooLong = Buffer.from(good).fill(0xff, 14, 16);
    for (const bytes of [Buffer.concat([me, me, me]), otherVersion, otherFamily, tooLong]) {
      assert.equal(await talk(bytes, me), "");
    }
    assert.equal(await talk(good.subarray(0, 20)), "");
    assert.deepEqual(podsOf(from), []);
  });
});
