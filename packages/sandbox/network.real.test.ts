import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { moduleEnvironment } from "./testing/environment.ts";
import { testSandbox, type TestSandbox } from "./testing/sandbox.ts";

/** A program for containers: tries for so many seconds to connect to each `host:port` and prints what came of it. */
const knock = `
import socket, sys
for place in sys.argv[2:]:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=float(sys.argv[1])).close()
        print(place, "connected")
    except OSError as error:
        print(place, "refused" if isinstance(error, ConnectionRefusedError) else "unreachable")
`;

/** Asks the proxy for each `host:port` and prints the first line of its answer. */
const askProxy = `
import socket, sys
for place in sys.argv[1:]:
    with socket.create_connection(("10.191.0.1", 3128), timeout=60) as proxy:
        proxy.sendall(f"CONNECT {place} HTTP/1.1\\r\\nhost: {place}\\r\\n\\r\\n".encode())
        print(place, proxy.recv(100).split(b"\\r\\n")[0].decode().split(" ")[1])
`;

/** Seconds: where somebody listens, and where nobody answers. */
const [patience, shortly] = ["60", "1"];
const python = (program: string, ...places: readonly string[]) => ["/usr/bin/python3", "-c", program, ...places];

describe("the network of a pod", () => {
  let host: TestSandbox;
  let headrace: Server;
  let port: number;
  before(async () => {
    host = await testSandbox();
    headrace = createServer((socket) => socket.end("served by Headrace")).listen(0, "0.0.0.0");
    await once(headrace, "listening");
    const address = headrace.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
  });
  after(async () => {
    headrace.close();
    await host[Symbol.asyncDispose]();
  });
  const listener =
    "import socket; s = socket.create_server(('', 7000)); print('ready', flush=True); c, _ = s.accept(); c.sendall(b'pod here'); c.close()";

  test("has an address that containers of its tenant reach, and other tenants' do not", async () => {
    const accept =
      "import socket; s = socket.create_server(('', 7000)); print('ready', flush=True)\nwhile True: s.accept()[0].close()";
    const server = host.spec({ command: python(accept) });
    const { address } = await host.sandbox.start(server);
    await host.logged(server, "ready");
    const neighbour = await host.run({ command: python(knock, patience, `${address}:7000`) });
    assert.equal(neighbour.output, `${address}:7000 connected\n`);
    const stranger = await host.run({
      command: python(knock, shortly, `${address}:7000`),
      cell: { tenant: "team-b/default" },
    });
    assert.equal(stranger.output, `${address}:7000 unreachable\n`);
    await host.sandbox.signal(server.id, "SIGKILL");
    await host.exitOf(server.id);
  });

  test("is shared by the containers of a group, and is another one for the next group", async () => {
    const first = host.spec({ group: "pod-1", command: ["sleep", "1000"] });
    const one = await host.sandbox.start(first);
    const second = await host.run({ group: "pod-1", command: ["hostname", "-I"], cell: { tenant: "team-a/default" } });
    assert.equal(second.output.trim(), one.address);
    await assert.rejects(host.sandbox.removeGroup("pod-1"), { code: "busy" });
    await host.sandbox.signal(first.id, "SIGKILL");
    await host.exitOf(first.id);
    await host.sandbox.removeGroup("pod-1");
    const next = await host.run({ group: "pod-2", command: ["hostname", "-I"] });
    assert.notEqual(next.output.trim(), one.address);
  });

  test("is shared by containers of different environments, too", async () => {
    const environment = await moduleEnvironment(host.directory, "nothing_special", "");
    const server = host.spec({
      group: "pod-3",
      command: python(
        "import socket, time; s = socket.create_server(('127.0.0.1', 7100)); print('ready', flush=True); s.accept()",
      ),
    });
    await host.sandbox.start(server);
    await host.logged(server, "ready");
    const cell = { tenant: "team-a/default", environment };
    const client = await host.run({ group: "pod-3", cell, command: python(knock, patience, "127.0.0.1:7100") });
    assert.equal(client.output, "127.0.0.1:7100 connected\n");
    const stranger = host.spec({ group: "pod-3", cell: { tenant: "team-b/default" } });
    await assert.rejects(host.sandbox.start(stranger), { code: "invalid", message: /belongs to another tenant/ });
  });

  test("reaches neither the host's loopback, nor its addresses, nor metadata, nor anything else by itself", async () => {
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const places = [
      "127.0.0.1",
      "169.254.169.254",
      "10.191.0.1",
      "10.192.0.1",
      ...own.filter((entry) => entry.family === "IPv4").map((entry) => entry.address),
    ];
    const { output } = await host.run({
      command: python(knock, shortly, ...places.map((place) => `${place}:${port}`)),
    });
    assert.doesNotMatch(output, /connected/);
  });

  test("reaches none of them by the proxy either", async () => {
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const places = [
      "127.0.0.1",
      "localhost",
      "0.0.0.0",
      "169.254.169.254",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "2130706433",
      ...own.filter((entry) => entry.family === "IPv4").map((entry) => entry.address),
    ];
    const { output } = await host.run({ command: python(askProxy, ...places.map((place) => `${place}:${port}`)) });
    for (const line of output.trim().split("\n")) assert.match(line, / 403$/);
  });

  test("leads to Headrace by the addresses and names of services, until they are taken away", async () => {
    const name = "ml-pipeline.kubeflow";
    const service = {
      address: "10.191.0.8",
      port: 8888,
      target: `127.0.0.1:${port}`,
      names: [name],
      introduces: false,
    };
    await host.sandbox.setServices([service]);
    const ask = `import socket; print(socket.create_connection(("${name}", 8888), timeout=60).recv(100).decode())`;
    assert.equal((await host.run({ command: python(ask) })).output, "served by Headrace\n");
    await host.sandbox.setServices([]);
    const { output } = await host.run({ command: python(knock, shortly, "10.191.0.8:8888") });
    assert.match(output, /refused|unreachable/);
  });

  const deaths = { launcher: () => host.launcherProcess(), relay: () => host.relayProcess() };
  for (const [victim, find] of Object.entries(deaths)) {
    test(`leads to Headrace again after kill -9 of the ${victim}`, async () => {
      const service = { address: "10.191.0.9", port: 8888, target: `127.0.0.1:${port}`, names: ["again.kubeflow"] };
      await host.sandbox.setServices([{ ...service, introduces: false }]);
      const launcher = await host.launcherProcess();
      process.kill(await find(), "SIGKILL");
      await host.syncAfter(launcher);
      const ask = `import socket; print(socket.create_connection(("again.kubeflow", 8888), timeout=60).recv(100).decode())`;
      assert.equal((await host.run({ command: python(ask) })).output, "served by Headrace\n");
      await host.sandbox.setServices([]);
    });
  }

  test("is introduced to services that want to know, by what no container can say", async () => {
    const path = join(host.directory, "introduced.sock");
    const heard: Promise<Buffer>[] = [];
    const introduced = createServer((socket) => {
      heard.push(once(socket, "data").then(([chunk]) => Buffer.from(chunk)));
      socket.end("welcome");
    }).listen(path);
    await once(introduced, "listening");
    const service = { address: "10.191.0.10", port: 80, target: path, names: ["who.kubeflow"], introduces: true };
    await host.sandbox.setServices([service]);
    const forged = `b"\\r\\n\\r\\n\\0\\r\\nQUIT\\n" + bytes([0x21, 0x11, 0, 12 + 8]) + bytes(12) + bytes([0xe0, 0, 5]) + b"pod-9"`;
    const call = `import socket
s = socket.create_connection(("who.kubeflow", 80), timeout=60)
s.sendall(${forged})
print(s.recv(100).decode())
`;
    const groups = ["pod-7", "pod-8"];
    for (const group of groups) {
      assert.equal((await host.run({ group, command: python(call) })).output, "welcome\n");
    }
    const introductions = await Promise.all(heard);
    introduced.close();
    await host.sandbox.setServices([]);
    assert.deepEqual(
      introductions.map((content) => content.subarray(0, 14).toString("latin1")),
      groups.map(() => "\r\n\r\n\0\r\nQUIT\n\x21\x11"),
    );
    const said = introductions.map((content) => content.subarray(16, 16 + content.readUInt16BE(14)));
    assert.deepEqual(
      said.map((content) => content.subarray(12).toString("latin1")),
      groups.map((group) => `\xe0\0\x05${group}`),
    );
    assert.notDeepEqual(said[0]?.subarray(0, 4), said[1]?.subarray(0, 4));
  });

  test("is still introduced when another launcher has taken it over", async () => {
    const path = join(host.directory, "later.sock");
    const heard = Promise.withResolvers<Buffer>();
    const introduced = createServer((socket) => {
      socket.once("data", heard.resolve);
      socket.end("welcome");
    }).listen(path);
    await once(introduced, "listening");
    const knocking = `import socket, time
while True:
    try:
        s = socket.create_connection(("later.kubeflow", 80), timeout=5)
        break
    except OSError:
        time.sleep(0.02)
s.sendall(b"here")
s.recv(100)
`;
    const container = host.spec({ group: "pod-9", command: python(knocking) });
    await host.sandbox.start(container);
    const launcher = await host.launcherProcess();
    process.kill(launcher, "SIGKILL");
    await host.syncAfter(launcher);
    const service = { address: "10.191.0.11", port: 80, target: path, names: ["later.kubeflow"], introduces: true };
    await host.sandbox.setServices([service]);
    assert.ok((await heard.promise).includes(Buffer.from("\xe0\0\x05pod-9", "latin1")));
    assert.equal((await host.exitOf(container.id)).exitCode, 0);
    introduced.close();
    await host.sandbox.setServices([]);
  });

  test("is reached by Headrace at any port that a container listens on", async () => {
    const server = host.spec({ command: python(listener) });
    const { address } = await host.sandbox.start(server);
    await assert.rejects(host.sandbox.dial(String(address), 7001), { code: "not-found", message: /refused/i });
    await host.logged(server, "ready");
    const socket = await host.sandbox.dial(String(address), 7000);
    const received: Buffer[] = [];
    for await (const chunk of socket) received.push(chunk);
    assert.equal(Buffer.concat(received).toString(), "pod here");
    assert.equal((await host.exitOf(server.id)).exitCode, 0);
  });

  test("is dialled only at pods' addresses", async () => {
    await assert.rejects(host.sandbox.dial("127.0.0.1", port), { code: "not-found" });
  });
});

test("the way out of a pod keeps its hardware address, whoever comes and goes", async () => {
  await using host = await testSandbox();
  const lookUp = `
import socket
socket.create_connection(("10.191.0.1", 3128), timeout=60).close()
print(*[line.split()[3] for line in open("/proc/net/arp").read().splitlines()[1:]])
`;
  const seen: string[] = [];
  for (const group of ["first", "second", "third", "fourth"]) {
    seen.push((await host.run({ group, command: python(lookUp) })).output);
    await host.sandbox.removeGroup(group);
  }
  assert.match(seen[0] ?? "", /^[0-9a-f:]{17}\n$/);
  assert.deepEqual(
    seen,
    seen.map(() => seen[0]),
  );
});

test("pods reach the world by the proxy that the host itself must use", async () => {
  const asked: string[] = [];
  const upstream = createServer((socket) => {
    socket.once("data", (head) => {
      asked.push(head.toString());
      socket.write("HTTP/1.1 200 OK\r\n\r\nfrom far away");
      socket.end();
    });
  }).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  const address = upstream.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await using host = await testSandbox({
    proxy: { url: `http://me:secret@127.0.0.1:${port}`, direct: "localhost,.corp" },
  });
  const { output } = await host.run({ command: python(askProxy, "far.example:443", "localhost:443", "127.0.0.1:443") });
  upstream.close();
  assert.equal(output, "far.example:443 200\nlocalhost:443 403\n127.0.0.1:443 403\n");
  assert.match(
    asked.join(),
    /^CONNECT far\.example:443 HTTP\/1\.1\r\nHost: far\.example:443\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n/,
  );
  assert.equal(asked.length, 1);
});
