import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { describe, test } from "node:test";
import { createLocalUserAuthenticator } from "./local-user.ts";
import { whyAnonymous } from "./nobody.ts";
import { findPeerOwner, type PeerOwner } from "./peer.ts";

const remote = () => ({ address: "127.0.0.1", port: 50_000, localPort: 8080 });

function authenticator(owner: PeerOwner = 1000) {
  return createLocalUserAuthenticator({ user: { name: "ana", uid: 1000 }, peerOwner: async () => owner });
}

async function nameOf(headers: Record<string, string>, owner?: PeerOwner): Promise<string | undefined> {
  const user = await authenticator(owner).authenticate({ headers, remote: remote() });
  return user?.extra?.[whyAnonymous]?.[0] ?? user?.name;
}

describe("the local user", () => {
  test("is whoever connects over loopback under a name of this machine", async () => {
    for (const host of [
      "127.0.0.1:8080",
      "localhost:8080",
      "LOCALHOST",
      "[::1]:8080",
      "notebook.localhost:8080",
      "127.4.5.6",
    ]) {
      assert.equal(await nameOf({ host }), "ana", host);
    }
  });

  test("is not one who comes from elsewhere, or from inside the process", async () => {
    const headers = { host: "localhost:8080" };
    for (const address of ["10.0.0.2", "192.168.1.1", "fe80::1", "pods", ""]) {
      assert.equal(await authenticator().authenticate({ headers, remote: { ...remote(), address } }), undefined);
    }
    assert.equal(await authenticator().authenticate({ headers }), undefined);
  });

  test("is not a web page that had its own name resolve to this machine", async () => {
    for (const host of ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", ""]) {
      assert.match((await nameOf({ host })) ?? "", /is no name of this machine/, host);
    }
  });

  test("is not a page of another site or of another port", async () => {
    const host = "localhost:8080";
    assert.equal(await nameOf({ host, origin: "http://localhost:8080" }), "ana");
    for (const origin of ["https://evil.example", "http://localhost:3000", "null"]) {
      assert.match((await nameOf({ host, origin })) ?? "", /page of another site/, origin);
    }
    for (const site of ["cross-site", "same-site"]) {
      assert.match((await nameOf({ host, "sec-fetch-site": site, "sec-fetch-mode": "no-cors" })) ?? "", /another site/);
    }
    assert.equal(await nameOf({ host, "sec-fetch-site": "same-origin" }), "ana");
  });

  test("may follow a link from another site, but is not its frames and pictures", async () => {
    const link = { host: "localhost:8080", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    assert.equal(await nameOf({ ...link, "sec-fetch-dest": "document" }), "ana");
    assert.match((await nameOf({ ...link, "sec-fetch-dest": "iframe" })) ?? "", /another site/);
  });

  test("is not another user of the machine, where the system can tell", async () => {
    const headers = { host: "localhost:8080" };
    assert.match((await nameOf(headers, 1001)) ?? "", /another user of this machine \(uid 1001\)/);
    assert.match((await nameOf(headers, "nobody")) ?? "", /closed at its other end/);
    assert.equal(await nameOf(headers, "unknown"), "ana");
    assert.equal(await nameOf(headers, 0), "ana");
  });

  test("is looked up once a connection", async () => {
    let lookups = 0;
    const counting = createLocalUserAuthenticator({
      user: { name: "ana", uid: 1000 },
      peerOwner: async () => {
        lookups += 1;
        return 1000;
      },
    });
    const connection = remote();
    const headers = { host: "localhost:8080" };
    for (let n = 0; n < 3; n++) await counting.authenticate({ headers, remote: connection });
    await counting.authenticate({ headers, remote: remote() });
    assert.equal(lookups, 2);
  });
});

const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const row = (local: string, other: string, uid: number, inode: number) =>
  `   1: ${local} ${other} 01 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 2 0 20 0 0 10 -1`;

describe("the owner of a connection", () => {
  const ownerIn = (four: readonly string[], six: readonly string[] = []) =>
    findPeerOwner({ address: "127.0.0.1", port: 0xc350, localPort: 0x1f90 }, async (file) =>
      [header, ...(file === "/proc/net/tcp" ? four : six)].join("\n"),
    );

  test("is read from the row of its other end, for IPv4, IPv6 and the one within the other", async () => {
    assert.equal(await ownerIn([row("0100007F:C350", "0100007F:1F90", 1000, 7)]), 1000);
    const loopback6 = "00000000000000000000000001000000";
    assert.equal(await ownerIn([], [row(`${loopback6}:C350`, `${loopback6}:1F90`, 1001, 7)]), 1001);
    const mapped = "0000000000000000FFFF00000100007F";
    assert.equal(await ownerIn([], [row(`${mapped}:C350`, `${mapped}:1F90`, 1002, 7)]), 1002);
  });

  test("is nobody when the other end was closed, whose row then seems to be root's", async () => {
    assert.equal(await ownerIn([row("0100007F:C350", "0100007F:1F90", 0, 0)]), "nobody");
    assert.equal(await ownerIn([row("0100007F:1F90", "0100007F:C350", 1000, 7)]), "nobody");
  });

  test("is not taken from a row of another address", async () => {
    assert.equal(await ownerIn([row("0200000A:C350", "0100007F:1F90", 1000, 7)]), "unknown");
  });

  test("is unknown where there is no such table", async () => {
    assert.equal(
      await findPeerOwner({ address: "127.0.0.1", port: 1, localPort: 2 }, async () => undefined),
      "unknown",
    );
  });

  test(
    "of a real connection is this process's user",
    { skip: process.platform !== "linux" && "Linux only" },
    async () => {
      const server = createServer();
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
      const [accepted] = (await once(server, "connection")) as [Socket];
      const { remoteAddress: address = "", remotePort: port = 0, localPort = 0 } = accepted;
      const owner = await findPeerOwner({ address, port, localPort });
      assert.ok(owner === process.getuid?.() || owner === "unknown", `owner is ${owner}`);
      client.destroy();
      accepted.destroy();
      server.close();
      await once(server, "close");
    },
  );
});
