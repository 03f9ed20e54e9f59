import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { request as httpsRequest } from "node:https";
import { createIdentity } from "@headrace/identity";
import {
  anonymousUser,
  platformUser,
  systemClock,
  systemIds,
  type ApiRequest,
  type AuditEvent,
  type AuthenticationRequest,
  type Route,
  type User,
} from "@headrace/model";
import { eventually } from "@headrace/model/testing";
import { createGateway, type Gateway, type GatewayOptions } from "./gateway.ts";
import { listen, type AccessEntry } from "./listener.ts";

const ana: User = { name: "ana", groups: ["system:authenticated"] };
const runs = { group: "headrace.io", resource: "runs", namespace: "team", name: "" };

function route(method: string, pattern: string, handle: Route["handle"], access: Route["access"] = "open"): Route {
  return { method, pattern, access, handle };
}

const text = (body: string, status = 200) => ({ status, headers: { "content-type": "text/plain" }, body });

async function withGateway(
  routes: readonly Route[],
  work: (bench: Bench) => Promise<void>,
  overrides: Partial<GatewayOptions> = {},
): Promise<void> {
  const audited: AuditEvent[] = [];
  const accesses: AccessEntry[] = [];
  const errors: unknown[] = [];
  const asked: AuthenticationRequest[] = [];
  const gateway = createGateway({
    routes,
    kubeHandler: async (request) => text(`kube ${request.path}`),
    authenticator: {
      async authenticate(request) {
        asked.push(request);
        return request.headers["authorization"] === "Bearer ana" ? ana : undefined;
      },
    },
    authorizer: {
      authorize: async ({ user, verb }) => ({
        allowed: user.name === "ana" && verb !== "delete",
        reason: "no role grants it",
      }),
    },
    audit: { record: (event) => audited.push(event) },
    clock: systemClock,
    onAccess: (entry) => accesses.push(entry),
    onError: (error) => errors.push(error),
    ...overrides,
  });
  const { url, port } = await gateway.listen({ host: "127.0.0.1", port: 0 });
  try {
    await work({ gateway, url, port, audited, accesses, errors, asked });
  } finally {
    await gateway.close();
  }
}

interface Bench {
  readonly gateway: Gateway;
  readonly url: string;
  readonly port: number;
  readonly audited: readonly AuditEvent[];
  readonly accesses: readonly AccessEntry[];
  readonly errors: readonly unknown[];
  readonly asked: readonly AuthenticationRequest[];
}

const asAna = { headers: { authorization: "Bearer ana" } };

async function bodyText(request: ApiRequest): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request.body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe("the gateway", () => {
  test("hands requests to routes, the Kubernetes API below /kube, and hosts of models first", () =>
    withGateway(
      [
        route("POST", "/runs/{id}:echo", async (request, { id }) =>
          text(`${id} ${request.query.get("q")} ${await bodyText(request)}`),
        ),
      ],
      async ({ url, port }) => {
        const echoed = await fetch(`${url}/runs/a%2Fb:echo?q=1`, { method: "POST", body: "hello" });
        assert.equal(await echoed.text(), "a/b 1 hello");
        assert.equal(await (await fetch(`${url}/kube/api/v1/pods`)).text(), "kube /api/v1/pods");
        const host = "iris-team.example.com";
        const served = await new Promise<string>((resolve) =>
          httpRequest({ port, path: "/v1/models/iris", headers: { host } }, (response) =>
            response.setEncoding("utf8").on("data", resolve),
          ).end(),
        );
        assert.equal(served, "model /v1/models/iris");
      },
      { byHost: (host) => (host.startsWith("iris-") ? async (request) => text(`model ${request.path}`) : undefined) },
    ));

  test("records what changed something through a route that asks for access itself, by its path", () =>
    withGateway(
      [
        route("POST", "/apis/runs", async () => ({ status: 403, headers: {} }), "asks"),
        route("GET", "/apis/runs", async () => text("none"), "asks"),
      ],
      async ({ url, audited }) => {
        await fetch(`${url}/apis/runs`, { ...asAna, method: "POST" });
        await fetch(`${url}/apis/runs`, asAna);
        assert.deepEqual(
          audited.map(({ user, verb, resource, status }) => [user, verb, resource, status]),
          [["ana", "post", "/apis/runs", 403]],
        );
      },
    ));

  test("asks for access before a route sees the request, and records what changed something or was refused", () => {
    let handled = 0;
    const handle = async () => text(`${(handled += 1)}`);
    return withGateway(
      [
        route("POST", "/runs", handle, () => ({ ...runs, verb: "create" })),
        route("GET", "/runs", handle, () => ({ ...runs, verb: "list" })),
        route("DELETE", "/runs/{name}", handle, ({ name = "" }) => ({ ...runs, name, verb: "delete" })),
      ],
      async ({ url, audited }) => {
        const anonymous = await fetch(`${url}/runs`, { method: "POST" });
        assert.equal(anonymous.status, 401);
        assert.match(anonymous.headers.get("www-authenticate") ?? "", /^Bearer/);
        const refused = await fetch(`${url}/runs/r1`, { ...asAna, method: "DELETE" });
        assert.equal(refused.status, 403);
        const status = (await refused.json()) as { message: string; reason: string };
        assert.equal(status.reason, "Forbidden");
        assert.match(
          status.message,
          /User "ana" cannot delete runs.headrace.io "r1" in the namespace "team": no role grants it/,
        );
        assert.equal(handled, 0);
        assert.equal((await fetch(`${url}/runs`, { ...asAna, method: "POST" })).status, 200);
        assert.equal((await fetch(`${url}/runs`, asAna)).status, 200);
        assert.deepEqual(
          audited.map(({ user, verb, status }) => [user, verb, status]),
          [
            ["system:anonymous", "create", 401],
            ["ana", "delete", 403],
            ["ana", "create", 200],
          ],
        );
      },
    );
  });

  test("drops what outsiders say of who they are, and what only insiders may ask for", () =>
    withGateway([route("GET", "/headers", async ({ headers }) => text(JSON.stringify(headers)))], async ({ url }) => {
      const response = await fetch(`${url}/headers`, {
        headers: {
          "kubeflow-userid": "admin",
          "X-Remote-User": "admin",
          "x-remote-extra-a": "1",
          "x-other": "kept",
          accept: "application/x-headrace-value, application/json",
        },
      });
      const headers = (await response.json()) as Record<string, string>;
      assert.equal(headers["x-other"], "kept");
      for (const name of ["kubeflow-userid", "x-remote-user", "x-remote-extra-a"])
        assert.equal(headers[name], undefined);
    }));

  test("takes callers inside the process at their word, without a socket", () =>
    withGateway(
      [
        route(
          "GET",
          "/me",
          async ({ user }) => text(user.name),
          () => ({ ...runs, verb: "get" }),
        ),
      ],
      async ({ gateway }) => {
        const ask = (user: User) =>
          gateway.handle({
            method: "GET",
            path: "/me",
            query: new URLSearchParams(),
            headers: {},
            user,
            signal: new AbortController().signal,
          });
        assert.equal((await ask(ana)).body, "ana");
        assert.equal((await ask(anonymousUser)).status, 401);
        assert.equal((await ask(platformUser)).status, 403);
      },
    ));

  test("gives one connection one remote, by which its owner is remembered", () =>
    withGateway([], async ({ port, asked }) => {
      const socket = connect(port, "127.0.0.1");
      socket.write("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      socket.resume();
      await once(socket, "close");
      assert.equal(asked.length, 2);
      assert.equal(asked[0]?.remote, asked[1]?.remote);
      assert.equal(asked[0]?.remote?.address, "127.0.0.1");
    }));

  test("listens on a Unix socket, whose callers are never this machine's user", async () => {
    const directory = await mkdtemp(join(tmpdir(), "headrace-socket-"));
    const path = join(directory, "gateway.sock");
    await withGateway([route("GET", "/me", async ({ user }) => text(user.name))], async ({ gateway, asked }) => {
      await gateway.listen({ path });
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      const body = await new Promise<string>((resolve) =>
        httpRequest({ socketPath: path, path: "/me", headers: asAna.headers, agent: false }, (response) =>
          response.setEncoding("utf8").on("data", resolve),
        ).end(),
      );
      assert.equal(body, "ana");
      assert.equal(asked[0]?.remote?.address, "unix");
    });
    await rm(directory, { recursive: true });
  });

  test("says what is wrong with a request that it cannot serve", () =>
    withGateway(
      [route("GET", "/a", async () => text("a")), route("PUT", "/a", async () => text("a"))],
      async ({ url }) => {
        const missing = await fetch(`${url}/nothing`);
        assert.equal(missing.status, 404);
        assert.match(((await missing.json()) as { message: string }).message, /nothing is served there/);
        const wrong = await fetch(`${url}/a`, { method: "POST" });
        assert.equal(wrong.status, 405);
        assert.equal(wrong.headers.get("allow"), "GET, PUT");
        assert.equal((await fetch(`${url}/a`, { method: "HEAD" })).headers.get("content-length"), "1");
      },
    ));

  test("keeps the details of its own failures to itself and its log", () =>
    withGateway(
      [route("GET", "/bug", () => Promise.reject(new TypeError("secret detail")))],
      async ({ url, errors, accesses }) => {
        const response = await fetch(`${url}/bug?token=secret`);
        assert.equal(response.status, 500);
        assert.doesNotMatch(await response.text(), /secret/);
        assert.equal(errors.length, 1);
        const entry = await eventually("the access is logged", () => accesses[0]);
        assert.equal(entry.path, "/bug");
        assert.equal(entry.status, 500);
      },
    ));
});

describe("streams", () => {
  test("go out as they come, and end when the client goes away", () => {
    let ended = false;
    async function* ticks(signal: AbortSignal) {
      try {
        yield "first\n";
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      } finally {
        ended = true;
      }
    }
    return withGateway(
      [route("GET", "/watch", async ({ signal }) => ({ status: 200, headers: {}, body: ticks(signal) }))],
      async ({ url }) => {
        const leave = new AbortController();
        const response = await fetch(`${url}/watch`, { signal: leave.signal });
        const reader = response.body?.getReader();
        assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), "first\n");
        leave.abort();
        await reader?.read().catch(() => {});
        await eventually("the stream has ended", () => ended);
      },
    );
  });

  test("are not read faster than the client reads", () => {
    let produced = 0;
    async function* endless() {
      while (produced < 4_000) {
        produced += 1;
        yield Buffer.alloc(64 << 10);
      }
    }
    return withGateway(
      [route("GET", "/flood", async () => ({ status: 200, headers: {}, body: endless() }))],
      async ({ port }) => {
        const socket = connect(port, "127.0.0.1");
        socket.pause();
        socket.write("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
        let before = -1;
        await eventually("it stands still", async () => {
          const stood = produced === before && produced > 0;
          before = produced;
          await new Promise((resolve) => setTimeout(resolve, 30));
          return stood && produced === before;
        });
        assert.ok(produced < 2_000, `${produced} chunks were produced for a client that reads nothing`);
        socket.destroy();
      },
    );
  });

  test("that fail half-way break the connection, so that a part is not taken for the whole", () => {
    async function* broken() {
      yield "half";
      throw new TypeError("disk");
    }
    return withGateway(
      [route("GET", "/broken", async () => ({ status: 200, headers: {}, body: broken() }))],
      async ({ url, errors }) => {
        const response = await fetch(`${url}/broken`);
        await assert.rejects(response.text());
        assert.equal(errors.length, 1);
      },
    );
  });

  test("of large bodies arrive whole", () =>
    withGateway(
      [route("GET", "/large", async () => ({ status: 200, headers: {}, body: new Uint8Array(5_000_000) }))],
      async ({ url }) => {
        const response = await fetch(`${url}/large`);
        assert.equal(response.headers.get("content-length"), "5000000");
        assert.equal((await response.arrayBuffer()).byteLength, 5_000_000);
      },
    ));
});

describe("a listener", () => {
  const open = { authenticate: async () => anonymousUser };

  test("refuses bodies beyond its limit, declared or not, and answers all the same", async () => {
    const listener = await listen({
      handle: async (request) => text(String((await bodyText(request)).length)),
      authenticator: open,
      clock: systemClock,
      host: "127.0.0.1",
      port: 0,
      maxBodyBytes: 1_000,
    });
    assert.equal(await (await fetch(listener.url, { method: "POST", body: "x".repeat(1_000) })).text(), "1000");
    assert.equal((await fetch(listener.url, { method: "POST", body: "x".repeat(1_001) })).status, 413);
    const chunked = new ReadableStream({
      start(controller) {
        for (let n = 0; n < 20; n++) controller.enqueue(Buffer.alloc(100));
        controller.close();
      },
    });
    const response = await fetch(listener.url, { method: "POST", body: chunked, duplex: "half" } as RequestInit);
    assert.equal(response.status, 413);
    await listener.close();
  });

  test("gives the memory of a body's pieces back, where its handler is done with one when it asks for the next", async () => {
    const body = Buffer.alloc(1_000_000, "headrace");
    const pieces: Uint8Array[] = [];
    const copies: Buffer[] = [];
    const listener = await listen({
      handle: async (request) => {
        for await (const piece of request.body ?? []) {
          pieces.push(piece);
          copies.push(Buffer.from(piece));
        }
        return text("taken");
      },
      authenticator: open,
      clock: systemClock,
      host: "127.0.0.1",
      port: 0,
      freesBodies: true,
    });
    await fetch(listener.url, { method: "POST", body });
    assert.ok(Buffer.concat(copies).equals(body));
    assert.ok(pieces.length > 0 && pieces.every((piece) => piece.length === 0));
    await listener.close();
  });

  test("names the holder of a taken port", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    const options = { handle: async () => text(""), authenticator: open, clock: systemClock, host: "127.0.0.1" };
    await assert.rejects(listen({ ...options, port }), (error: Error & { code?: string }) => {
      assert.equal(error.code, "PORT_TAKEN");
      if (process.platform === "linux") assert.match(error.message, new RegExp(`pid ${process.pid}\\)`));
      return true;
    });
    holder.close();
    await assert.rejects(listen({ ...options, host: "203.0.113.7", port: 0 }), { code: "LISTEN_FAILED" });
  });

  test("closes in spite of streams and idle connections", async () => {
    const listener = await listen({
      async handle({ signal }) {
        async function* silence() {
          yield "";
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        }
        return { status: 200, headers: {}, body: silence() };
      },
      authenticator: open,
      clock: systemClock,
      host: "127.0.0.1",
      port: 0,
    });
    const idle = connect(listener.port, "127.0.0.1");
    await once(idle, "connect");
    const response = await fetch(listener.url);
    await listener.close();
    await response.text().catch(() => {});
    idle.destroy();
  });

  test("serves TLS with HTTP/1.1 and HTTP/2 under the data directory's authority, to those with a token", async () => {
    const dataDirectory = await mkdtemp(join(tmpdir(), "headrace-gateway-"));
    const identity = await createIdentity({
      dataDirectory,
      mode: "local",
      clock: systemClock,
      ids: systemIds,
      bound: { serviceAccountUid: async () => undefined, podUid: async () => undefined },
    });
    const token = await identity.users.issue("ana");
    const listener = await listen({
      handle: async (request) => text(`${request.user.name} ${request.headers["host"]} ${await bodyText(request)}`),
      authenticator: identity.kubeAuthenticator,
      clock: systemClock,
      host: "127.0.0.1",
      port: 0,
      tls: identity.pki.server,
    });
    const authority = `localhost:${listener.port}`;
    const ca = identity.pki.ca;

    const one = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest(
        {
          host: "localhost",
          port: listener.port,
          ca,
          method: "POST",
          agent: false,
          headers: { authorization: `Bearer ${token}` },
        },
        (response) => response.setEncoding("utf8").on("data", resolve),
      );
      request.on("error", reject).end("one");
    });
    assert.equal(one, `ana ${authority} one`);

    const session = connectHttp2(`https://${authority}`, { ca });
    const stream = session.request({ ":method": "POST", ":path": "/x", authorization: `Bearer ${token}` });
    stream.end("two");
    let two = "";
    for await (const chunk of stream.setEncoding("utf8")) two += String(chunk);
    assert.equal(two, `ana ${authority} two`);
    const refused = session.request({ ":path": "/", authorization: "Bearer wrong" });
    const [headers] = (await once(refused, "response")) as [Record<string, unknown>];
    assert.equal(headers[":status"], 401);
    refused.close();
    await listener.close();
    session.destroy();
    await identity.close();
    await rm(dataDirectory, { recursive: true });
  });
});

describe("upgrades", () => {
  const upgrade = async (port: number, path: string, authorization = ""): Promise<string> => {
    const socket: Socket = connect(port, "127.0.0.1");
    const headers = `Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: ${authorization}\r\n`;
    socket.write(`GET ${path} HTTP/1.1\r\n${headers}\r\n`);
    let received = "";
    for await (const chunk of socket) {
      received += String(chunk);
      if (received.includes("welcome")) break;
    }
    socket.destroy();
    return received;
  };

  test("are given to their route with the connection, once access was granted", () =>
    withGateway(
      [],
      async ({ port }) => {
        assert.match(await upgrade(port, "/shell/p1", "Bearer ana"), /^HTTP\/1\.1 101 .*welcome p1$/s);
        assert.match(await upgrade(port, "/shell/p1"), /^HTTP\/1\.1 401 /);
        assert.match(await upgrade(port, "/nothing", "Bearer ana"), /^HTTP\/1\.1 404 /);
      },
      {
        upgrades: [
          {
            method: "GET",
            pattern: "/shell/{pod}",
            access: () => ({ ...runs, verb: "create" }),
            async upgrade(_request, { pod }, socket) {
              socket.write(
                `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome ${pod}`,
              );
            },
          },
        ],
      },
    ));
});
