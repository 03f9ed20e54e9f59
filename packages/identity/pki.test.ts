import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect, createServer } from "node:tls";
import { systemClock } from "@headrace/model";
import { testClock } from "@headrace/model/testing";
import { openPki } from "./pki.ts";

describe("the PKI of a data directory", () => {
  let root = "";
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "headrace-pki-"));
  });
  after(() => rm(root, { recursive: true }));

  test("is made once, privately, and read again", async () => {
    const directory = join(root, "made");
    const first = await openPki(directory, systemClock, []);
    assert.deepEqual(await openPki(directory, systemClock, []), first);
    for (const file of ["ca.key", "server.key", "ca.crt", "server.crt"]) {
      assert.equal((await stat(join(directory, file))).mode & 0o777, 0o600);
    }
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
  });

  test("serves TLS that a client with the authority's certificate trusts, by name and by address", async () => {
    const pki = await openPki(join(root, "tls"), systemClock, ["10.1.2.3", "fd00::12:1", "box.example"]);
    const server = createServer({ key: pki.server.key, cert: pki.server.certificate }, (socket) => socket.end());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    for (const servername of ["kubernetes.default.svc", "box.example", "localhost"]) {
      const socket = connect({ port, host: "127.0.0.1", servername, ca: pki.ca });
      await once(socket, "secureConnect");
      assert.equal(socket.authorized, true);
      socket.destroy();
    }
    server.close();
    await once(server, "close");
    const certificate = new X509Certificate(pki.server.certificate);
    assert.equal(certificate.checkIP("10.1.2.3"), "10.1.2.3");
    assert.equal(certificate.checkIP("fd00::12:1"), "fd00::12:1");
    assert.equal(certificate.checkHost("evil.example"), undefined);
    assert.equal(certificate.ca, false);
    assert.equal(new X509Certificate(pki.ca).ca, true);
  });

  test("renews the server's certificate in time and for new hosts, under the same authority", async () => {
    const directory = join(root, "renewed");
    const clock = testClock(systemClock.now());
    const first = await openPki(directory, clock, []);
    const more = await openPki(directory, clock, ["box.example"]);
    assert.notEqual(more.server.certificate, first.server.certificate);
    await clock.advance(300 * 86_400_000);
    assert.equal((await openPki(directory, clock, ["box.example"])).server.certificate, more.server.certificate);
    await clock.advance(40 * 86_400_000);
    const renewed = await openPki(directory, clock, ["box.example"]);
    assert.notEqual(renewed.server.certificate, more.server.certificate);
    assert.equal(renewed.ca, first.ca);
  });

  test("goes on after a crash between its two files, and refuses what it cannot use", async () => {
    const directory = join(root, "broken");
    await openPki(directory, systemClock, []);
    const key = await readFile(join(directory, "ca.key"), "utf8");
    await rm(join(directory, "ca.crt"));
    await openPki(directory, systemClock, []);
    assert.equal(await readFile(join(directory, "ca.key"), "utf8"), key);
    await writeFile(join(directory, "ca.key"), "nonsense");
    await assert.rejects(openPki(directory, systemClock, []), {
      name: "KeyFileError",
      message: /ca\.key.*no private key/,
    });
    await rm(join(directory, "ca.key"));
    await assert.rejects(openPki(directory, systemClock, []), { name: "KeyFileError", message: /missing/ });
  });
});
