import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { AwsV4Signer } from "aws4fetch";
import { openObjectFiles } from "@headrace/artifacts";
import { createAuthorizer } from "@headrace/identity";
import { anonymousUser, type ApiResponse, systemIds } from "@headrace/model";
import { testClock } from "@headrace/model/testing";
import { openRecords, type Records } from "@headrace/records";
import { DigestThreads } from "./api/digest-threads.ts";
import { Locks } from "./api/locks.ts";
import { createS3 } from "./api/s3.ts";
import { forgetAbandonedUploads } from "./api/uploads.ts";
import { checksums } from "./core/checksums.ts";
import { storageMigrations } from "./records/migrations.ts";

const secrets: Readonly<Record<string, string>> = { kubeflow: "kubeflow-secret", "team-a": "team-a-secret" };
const host = "minio-service.kubeflow";

interface Ask {
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** The namespace whose key signs. */
  readonly as?: string;
  readonly host?: string;
  readonly secret?: string;
  readonly presign?: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

async function newServer(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), "headrace-s3-"));
  t.after(() => rm(root, { recursive: true }));
  const clock = testClock(Date.parse("2026-01-01T00:00:00Z"));
  const records = await openRecords({ path: ":memory:", clock, ids: systemIds });
  t.after(() => records.close());
  await records.migrate(storageMigrations);
  const objects = await openObjectFiles({ root, ids: systemIds });
  await objects.createBucket("mlpipeline");
  const noted: string[] = [];
  const bugs: unknown[] = [];
  const handle = createS3({
    objects,
    records,
    authorizer: createAuthorizer(),
    audit: { record: ({ user, verb, resource, name }) => void noted.push(`${user} ${verb} ${resource} ${name}`) },
    keys: {
      controller: { name: "keys", start: async () => {} },
      hasSynced: true,
      find: (accessKey) => {
        const secret = secrets[accessKey];
        return secret === undefined ? [] : [{ namespace: accessKey, secret }];
      },
    },
    clock,
    ids: systemIds,
    homeNamespace: "kubeflow",
    hosts: ["localhost", host],
    locks: new Locks(),
    digests: new DigestThreads(),
    onError: (error) => bugs.push(error),
  });
  t.after(() => assert.deepEqual(bugs, []));

  async function ask(method: string, path: string, options: Ask = {}): Promise<Answer> {
    const { body, as = "kubeflow", host: name = host, secret = secrets[as] ?? "?", presign = false } = options;
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    const lengths = bytes === undefined ? {} : { "content-length": String(bytes.length) };
    const signer = new AwsV4Signer({
      method,
      url: `http://${name}:9000${path}`,
      headers: { ...(presign ? {} : { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" }), ...options.headers },
      accessKeyId: as,
      secretAccessKey: secret,
      service: "s3",
      region: "us-east-1",
      signQuery: presign,
      datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const signed = await signer.sign();
    const response = await handle({
      method,
      path: signed.url.pathname,
      query: signed.url.searchParams,
      headers: { ...lengths, ...Object.fromEntries(signed.headers), host: `${name}:9000` },
      user: anonymousUser,
      signal: new AbortController().signal,
      ...(bytes !== undefined && { body: once(bytes) }),
    });
    return { status: response.status, headers: response.headers, text: await textOf(response) };
  }
  return { ask, handle, root, records, objects, clock, noted };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function textOf({ body }: ApiResponse): Promise<string> {
  if (body === undefined || typeof body === "string") return body ?? "";
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  const chunks = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

const codeOf = ({ text }: Answer): string => /<Code>(.*?)<\/Code>/.exec(text)?.[1] ?? "";
const all = (text: string, element: string): string[] =>
  [...text.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, "g"))].map((match) => match[1] ?? "");
const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

test("an object is a file of the artifact store, with what its client said of it", async (t) => {
  const { ask, root, noted } = await newServer(t);
  const put = await ask("PUT", "/mlpipeline/data/rows.csv", {
    body: "a,b\n",
    headers: { "content-type": "text/csv", "x-amz-meta-origin": "lab" },
  });
  assert.equal(put.headers["etag"], `"${md5("a,b\n")}"`);
  assert.equal(await readFile(join(root, "mlpipeline/data/rows.csv"), "utf8"), "a,b\n");
  const got = await ask("GET", "/mlpipeline/data/rows.csv");
  assert.equal(got.text, "a,b\n");
  assert.equal(got.headers["content-type"], "text/csv");
  assert.equal(got.headers["x-amz-meta-origin"], "lab");
  assert.equal(got.headers["etag"], put.headers["etag"]);
  assert.deepEqual(noted, ["system:storage:kubeflow create objects.headrace.io mlpipeline/data/rows.csv"]);
});

test("a file that a step wrote is an object, whose tag changes with it and is taken for no MD5", async (t) => {
  const { ask, root } = await newServer(t);
  await ask("PUT", "/mlpipeline/model", { body: "one", headers: { "content-type": "text/plain" } });
  await writeFile(join(root, "mlpipeline/model"), "other");
  const got = await ask("GET", "/mlpipeline/model");
  assert.equal(got.text, "other");
  assert.match(got.headers["etag"] ?? "", /^"[0-9a-f]{32}-1"$/);
  assert.equal(got.headers["content-type"], "binary/octet-stream");
});

test("ranges and conditions are those of RFC 9110", async (t) => {
  const { ask } = await newServer(t);
  const { headers } = await ask("PUT", "/mlpipeline/o", { body: "0123456789" });
  const etag = headers["etag"] ?? "";
  const get = (headers: Record<string, string>) => ask("GET", "/mlpipeline/o", { headers });
  assert.deepEqual(await get({ range: "bytes=2-4" }).then(({ status, text }) => [status, text]), [206, "234"]);
  assert.equal((await get({ range: "bytes=-3" })).text, "789");
  assert.equal((await get({ range: "bytes=8-" })).headers["content-range"], "bytes 8-9/10");
  assert.equal((await get({ range: "bytes=10-" })).status, 416);
  assert.equal((await get({ range: "bytes=1-2", "if-range": '"other"' })).status, 200);
  assert.equal((await get({ "if-none-match": etag })).status, 304);
  assert.equal((await get({ "if-match": '"other"' })).status, 412);
  assert.equal((await get({ "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT" })).status, 304);
  assert.equal((await get({ "if-unmodified-since": "Fri, 01 Jan 1999 00:00:00 GMT" })).status, 412);
  const head = await ask("HEAD", "/mlpipeline/o");
  assert.equal(head.headers["content-length"], "10");
});

test("of two writers who both want to be the first, one is", async (t) => {
  const { ask } = await newServer(t);
  const write = () => ask("PUT", "/mlpipeline/once", { body: "x", headers: { "if-none-match": "*" } });
  const statuses = (await Promise.all([write(), write(), write()])).map(({ status }) => status);
  assert.deepEqual(statuses.toSorted(), [200, 412, 412]);
});

test("bytes that are not what was promised leave nothing behind", async (t) => {
  const { ask, root } = await newServer(t);
  const wrong = Buffer.alloc(16).toString("base64");
  const cases: readonly (readonly [string, Record<string, string>])[] = [
    ["BadDigest", { "content-md5": wrong }],
    ["BadDigest", { "x-amz-checksum-crc32": "AAAAAA==" }],
    ["BadDigest", { "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=" }],
    ["XAmzContentSHA256Mismatch", { "x-amz-content-sha256": "0".repeat(64) }],
    ["IncompleteBody", { "x-amz-decoded-content-length": "5" }],
    ["InvalidRequest", { "x-amz-checksum-rot13": "x", "x-amz-sdk-checksum-algorithm": "rot13" }],
  ];
  for (const [code, headers] of cases) {
    assert.equal(codeOf(await ask("PUT", "/mlpipeline/wrong", { body: "abc", headers })), code);
  }
  assert.deepEqual(await readdir(join(root, "mlpipeline")), []);
  assert.deepEqual(await readdir(join(root, ".headrace-staging")), []);
});

test("an object of many megabytes has its MD5 as its tag, and is kept or refused as its checksums say", async (t) => {
  const { ask, root } = await newServer(t);
  const body = new Uint8Array(9_000_001);
  for (let at = 0; at < body.length; at += 1) body[at] = (at * 31) >> 7;
  const names = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const;
  const sums = names.map((name) => {
    const sum = checksums[name]();
    sum.update(body);
    return [name, sum.digest()] as const;
  });
  const etag = createHash("md5").update(body).digest();
  const sha256 = createHash("sha256").update(body).digest("hex");
  const put = (key: string, headers: Record<string, string>) => ask("PUT", `/mlpipeline/${key}`, { body, headers });

  const answers = await Promise.all(
    sums.map(([name, sum]) => put(name, { [`x-amz-checksum-${name}`]: sum.toString("base64") })),
  );
  for (const [index, [name, sum]] of sums.entries()) {
    assert.equal(answers[index]?.headers["etag"], `"${etag.toString("hex")}"`);
    assert.equal(answers[index]?.headers[`x-amz-checksum-${name}`], sum.toString("base64"));
    assert.ok((await readFile(join(root, "mlpipeline", name))).equals(body), name);
  }
  assert.equal((await put("signed", { "x-amz-content-sha256": sha256 })).status, 200);

  const wrong = Buffer.alloc(16).toString("base64");
  const promises: readonly (readonly [string, Record<string, string>])[] = [
    ["BadDigest", { "content-md5": wrong }],
    ["BadDigest", { "x-amz-checksum-crc32c": "AAAAAA==" }],
    ["XAmzContentSHA256Mismatch", { "x-amz-content-sha256": "0".repeat(64) }],
    ["IncompleteBody", { "content-length": String(body.length + 1) }],
  ];
  for (const [code, headers] of promises) assert.equal(codeOf(await put("refused", headers)), code);
  assert.deepEqual(await readdir(join(root, "mlpipeline")), [...names, "signed"].toSorted());
  assert.deepEqual(await readdir(join(root, ".headrace-staging")), []);
});

test("a checksum that comes after the bytes is checked, and told to who asks", async (t) => {
  const { ask } = await newServer(t);
  const sum = checksums.crc64nvme();
  sum.update(Buffer.from("hello"));
  const value = sum.digest().toString("base64");
  const send = (trailer: string) =>
    ask("PUT", "/mlpipeline/trailed", {
      body: `3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc64nvme:${trailer}\r\n\r\n`,
      headers: {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc64nvme",
      },
    });
  assert.equal(codeOf(await send("AAAAAAAAAAA=")), "BadDigest");
  assert.equal((await send(value)).status, 200);
  const got = await ask("GET", "/mlpipeline/trailed", { headers: { "x-amz-checksum-mode": "ENABLED" } });
  assert.equal(got.text, "hello");
  assert.equal(got.headers["x-amz-checksum-crc64nvme"], value);
  assert.equal(got.headers["content-encoding"], undefined);
});

test("keys are listed in the order of their bytes, in pages, with and without folders", async (t) => {
  const { ask } = await newServer(t);
  const keys = ["a", "a-b", "a.d/x", "a/b/c", "a/b/d", "b", "ä", "z/"];
  for (const key of keys.filter((each) => each !== "a")) {
    await ask("PUT", `/mlpipeline/${encodeURIComponent(key).replaceAll("%2F", "/")}`, { body: "" });
  }
  const expected = keys.filter((key) => key !== "a").toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const size of [1, 2, 100]) {
    const found: string[] = [];
    for (let token: string | undefined = ""; token !== undefined;) {
      const page: string = (
        await ask("GET", `/mlpipeline?list-type=2&max-keys=${size}${token && `&continuation-token=${token}`}`)
      ).text;
      found.push(...all(page, "Key"));
      token = all(page, "NextContinuationToken")[0];
    }
    assert.deepEqual(found, expected);
  }
  const top = (await ask("GET", "/mlpipeline?list-type=2&delimiter=%2F")).text;
  assert.deepEqual(all(top, "Key"), ["a-b", "b", "ä"]);
  assert.deepEqual(all(top, "Prefix").slice(1), ["a.d/", "a/", "z/"]);
  const second = (await ask("GET", "/mlpipeline?delimiter=%2F&max-keys=2&marker=a.d%2F")).text;
  assert.deepEqual([all(second, "Prefix").slice(1), all(second, "Key")], [["a/"], ["b"]]);
  assert.deepEqual(all((await ask("GET", "/mlpipeline?list-type=2&prefix=a%2Fb")).text, "Key"), ["a/b/c", "a/b/d"]);
  assert.deepEqual(all((await ask("GET", "/mlpipeline?list-type=2&delimiter=-")).text, "Prefix").slice(1), ["a-"]);
});

test("a folder that holds nothing any more is gone, and an object has none beneath it", async (t) => {
  const { ask, root } = await newServer(t);
  await ask("PUT", "/mlpipeline/a/b/c", { body: "x" });
  assert.equal(codeOf(await ask("PUT", "/mlpipeline/a/b/c/d", { body: "x" })), "ObjectInTheWay");
  assert.equal(codeOf(await ask("PUT", "/mlpipeline/a/b", { body: "x" })), "ObjectInTheWay");
  assert.equal((await ask("DELETE", "/mlpipeline/a/b/c")).status, 204);
  assert.equal((await ask("DELETE", "/mlpipeline/a/b/c")).status, 204);
  assert.deepEqual(await readdir(join(root, "mlpipeline")), []);
});

test("many objects are deleted in one request, and each that cannot be is named", async (t) => {
  const { ask, root } = await newServer(t);
  const keys = Array.from({ length: 120 }, (_, index) => `many/${index % 3}/${index}`);
  for (const key of keys) await mkdir(dirname(join(root, "mlpipeline", key)), { recursive: true });
  for (const key of keys) await writeFile(join(root, "mlpipeline", key), "");
  const named = (key: string) => `<Object><Key>${key}</Key></Object>`;
  const body = `<Delete>${["many/1/", "private-artifacts/team-a/x", ...keys, keys[0] ?? ""].map(named).join("")}</Delete>`;
  const { text } = await ask("POST", "/mlpipeline?delete", { body });
  assert.equal(all(text, "Key").length, 123);
  assert.match(text, /<Error><Key>private-artifacts\/team-a\/x<\/Key><Code>AccessDenied/);
  assert.equal(all(text, "Code").length, 1);
  assert.deepEqual(await readdir(join(root, "mlpipeline")), []);
});

test("no key leads out of its bucket", async (t) => {
  const { handle, ask, root } = await newServer(t);
  await mkdir(join(root, "mlpipeline/s"));
  await symlink("/etc", join(root, "mlpipeline/s/link"));
  for (const path of ["/mlpipeline/s/link/passwd", "/mlpipeline/s/link"]) {
    assert.equal(codeOf(await ask("GET", path)), "NoSuchKey");
  }
  assert.equal(codeOf(await ask("PUT", "/mlpipeline/s/link/x", { body: "x" })), "ObjectInTheWay");
  assert.deepEqual(all((await ask("GET", "/mlpipeline?list-type=2")).text, "Key"), ["s/"]);
  for (const key of ["..%2F..%2Fetc%2Fpasswd", "a%2F%2Fb", "%2E%2E/x", "a%00b"]) {
    const answer = await ask("PUT", `/mlpipeline/${key}`, { body: "x" });
    assert.ok(answer.status >= 400 && answer.status < 500, key);
  }
  const bare = await handle({
    method: "GET",
    path: "/mlpipeline",
    query: new URLSearchParams(),
    headers: { host },
    user: anonymousUser,
    signal: new AbortController().signal,
  });
  assert.equal(bare.status, 403);
});

test("a key opens its namespace's folders and buckets, and no others", async (t) => {
  const { ask } = await newServer(t);
  const mine = { as: "team-a" };
  await ask("PUT", "/mlpipeline/v2/artifacts/x", { body: "home" });
  assert.equal((await ask("PUT", "/mlpipeline/private-artifacts/team-a/x", { ...mine, body: "mine" })).status, 200);
  assert.equal((await ask("PUT", "/team-bucket", mine)).status, 200);
  assert.equal((await ask("PUT", "/team-bucket/x", { ...mine, body: "x" })).status, 200);

  assert.equal(codeOf(await ask("GET", "/mlpipeline/v2/artifacts/x", mine)), "AccessDenied");
  assert.equal(codeOf(await ask("GET", "/mlpipeline?list-type=2", mine)), "AccessDenied");
  assert.equal((await ask("HEAD", "/mlpipeline", mine)).status, 200);
  assert.equal((await ask("GET", "/mlpipeline?list-type=2&prefix=private-artifacts%2Fteam-a%2F", mine)).status, 200);
  assert.deepEqual(all((await ask("GET", "/", mine)).text, "Name"), ["mlpipeline", "team-bucket"]);

  assert.equal(codeOf(await ask("GET", "/mlpipeline/private-artifacts/team-a/x")), "AccessDenied");
  assert.deepEqual(all((await ask("GET", "/mlpipeline?list-type=2")).text, "Key"), ["v2/artifacts/x"]);
  assert.deepEqual(all((await ask("GET", "/mlpipeline?prefix=private-artifacts%2F&delimiter=%2F")).text, "Prefix"), [
    "private-artifacts/",
  ]);
  assert.equal(codeOf(await ask("PUT", "/team-bucket")), "BucketAlreadyExists");
  const theft = { headers: { "x-amz-copy-source": "/team-bucket/x" } };
  assert.equal(codeOf(await ask("PUT", "/mlpipeline/stolen", theft)), "AccessDenied");
  assert.equal(codeOf(await ask("PUT", "/headrace-logs/x", { body: "x" })), "AccessDenied");
});

test("what a step made, and where steps write now, nobody changes", async (t) => {
  const { ask, records, root } = await newServer(t);
  const run = "0f9ba1b2-1111-4222-8333-444455556666";
  await writeArtifact(records, "minio://mlpipeline/made/tree", "sha256:x");
  await writeArtifact(records, "minio://mlpipeline/imported", null);
  await startRun(records, run);
  for (const path of ["made/tree/part", "imported", `v2/p/${run}/t/0/out`]) {
    await mkdir(dirname(join(root, "mlpipeline", path)), { recursive: true });
    await writeFile(join(root, "mlpipeline", path), "bytes");
  }
  const refused = [
    await ask("PUT", "/mlpipeline/made/tree/part", { body: "x" }),
    await ask("PUT", "/mlpipeline/made/tree/more", { body: "x" }),
    await ask("DELETE", "/mlpipeline/made/tree/part"),
    await ask("PUT", `/mlpipeline/v2/p/${run}/t/0/out`, { body: "x" }),
    await ask("POST", "/mlpipeline/made/tree/part?uploads"),
  ];
  assert.deepEqual(
    refused.map(codeOf),
    refused.map(() => "AccessDenied"),
  );
  assert.match(refused[0]?.text ?? "", /it belongs to artifact \d+, which a step made/);
  assert.match(refused[3]?.text ?? "", /steps of run 0f9ba1b2.* write there/);
  assert.equal((await ask("PUT", "/mlpipeline/imported", { body: "new" })).status, 200);
  assert.equal((await ask("GET", "/mlpipeline/made/tree/part")).text, "bytes");
});

async function writeArtifact(records: Records, uri: string, digest: string | null): Promise<void> {
  const row = {
    uid: systemIds.uuid(),
    ns: "kubeflow",
    type: "system.Model",
    type_schema: null,
    name: null,
    uri,
    digest,
  };
  await records.all().transaction(({ db }) =>
    db
      .insertInto("artifact")
      .values({ ...row, metadata: "{}", size: 5, state: "LIVE", created_at: 0 })
      .execute(),
  );
}

async function startRun(records: Records, id: string): Promise<void> {
  const row = {
    id,
    ns: "kubeflow",
    state: "RUNNING",
    error: null,
    created_at: 0,
    started_at: 0,
    finished_at: null,
  } as const;
  await records.all().transaction(({ db }) => db.insertInto("run").values(row).execute());
}

test("an upload in parts becomes one object, and is refused where its parts are not as said", async (t) => {
  const { ask, objects, clock, root } = await newServer(t);
  const begin = async () => all((await ask("POST", "/mlpipeline/big?uploads")).text, "UploadId")[0] ?? "";
  const id = await begin();
  const first = Buffer.alloc(5 << 20, "a");
  const parts = [first, Buffer.from("tail")];
  const tags: string[] = [];
  for (const [index, body] of parts.entries()) {
    const { headers } = await ask("PUT", `/mlpipeline/big?partNumber=${index + 1}&uploadId=${id}`, { body });
    tags.push(headers["etag"] ?? "");
  }
  const complete = (order: readonly number[], tagged = tags) =>
    ask("POST", `/mlpipeline/big?uploadId=${id}`, {
      body: `<CompleteMultipartUpload>${order
        .map((n) => `<Part><PartNumber>${n}</PartNumber><ETag>${tagged[n - 1]}</ETag></Part>`)
        .join("")}</CompleteMultipartUpload>`,
    });
  assert.deepEqual(all((await ask("GET", `/mlpipeline/big?uploadId=${id}`)).text, "Size"), ["5242880", "4"]);
  assert.equal(codeOf(await complete([2, 1])), "InvalidPartOrder");
  assert.equal(codeOf(await complete([1, 2], ["x", "y"])), "InvalidPart");
  assert.equal((await ask("GET", "/mlpipeline/big")).status, 404);
  const done = await complete([1, 2]);
  const joined = createHash("md5")
    .update(Buffer.from(tags.join("").replaceAll('"', ""), "hex"))
    .digest("hex");
  assert.equal(all(done.text, "ETag")[0], `&#34;${joined}-2&#34;`);
  assert.deepEqual(await readFile(join(root, "mlpipeline/big")), Buffer.concat(parts));
  assert.equal(codeOf(await complete([1, 2])), "NoSuchUpload");

  const forgotten = await begin();
  assert.deepEqual(all((await ask("GET", "/mlpipeline?uploads")).text, "UploadId"), [forgotten]);
  await clock.advance(8 * 24 * 3_600_000);
  await forgetAbandonedUploads(objects, clock);
  assert.deepEqual(await objects.uploads.list(), []);
});

test("the checksum with which an upload is completed is the object's, with or without the number of its parts", async (t) => {
  const { ask } = await newServer(t);
  const bytes = Buffer.from("bytes");
  const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest();
  const composite = sha256(sha256(bytes)).toString("base64");
  const upload = async (headers: Readonly<Record<string, string>>) => {
    const begun = await ask("POST", "/mlpipeline/sum?uploads", { headers: { "x-amz-checksum-algorithm": "SHA256" } });
    const place = `/mlpipeline/sum?uploadId=${all(begun.text, "UploadId")[0]}`;
    const said = { "x-amz-checksum-sha256": sha256(bytes).toString("base64") };
    const part = await ask("PUT", `${place}&partNumber=1`, { body: bytes, headers: said });
    const list = `<Part><PartNumber>1</PartNumber><ETag>${part.headers["etag"]}</ETag></Part>`;
    const done = await ask("POST", place, {
      body: `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`,
      headers,
    });
    return codeOf(done) || all(done.text, "ChecksumSHA256")[0];
  };
  assert.equal(await upload({}), `${composite}-1`);
  assert.equal(await upload({ "x-amz-checksum-sha256": composite }), `${composite}-1`);
  assert.equal(
    await upload({ "x-amz-checksum-sha256": `${composite}-1`, "x-amz-mp-object-size": "5" }),
    `${composite}-1`,
  );
  assert.equal(await upload({ "x-amz-checksum-sha256": sha256(bytes).toString("base64") }), "BadDigest");
  assert.equal(await upload({ "x-amz-checksum-crc32": "AAAAAA==" }), "InvalidRequest");
  assert.equal(await upload({ "x-amz-checksum-type": "FULL_OBJECT" }), "InvalidRequest");
  assert.equal(await upload({ "x-amz-mp-object-size": "4" }), "InvalidRequest");
});

test("signatures are good for their time, their key and their request", async (t) => {
  const { ask, clock, handle } = await newServer(t);
  await ask("PUT", "/mlpipeline/o", { body: "o" });
  assert.equal(codeOf(await ask("GET", "/mlpipeline/o", { secret: "wrong" })), "SignatureDoesNotMatch");
  assert.equal(codeOf(await ask("GET", "/mlpipeline/o", { as: "nobody", secret: "x" })), "InvalidAccessKeyId");
  assert.equal((await ask("GET", "/mlpipeline/o?X-Amz-Expires=60", { presign: true })).text, "o");
  const late = await ask("GET", "/mlpipeline/o?X-Amz-Expires=60", { presign: true }).then(async () => {
    const signer = new AwsV4Signer({
      url: `http://${host}:9000/mlpipeline/o?X-Amz-Expires=60`,
      accessKeyId: "kubeflow",
      secretAccessKey: secrets["kubeflow"] ?? "",
      service: "s3",
      region: "us-east-1",
      signQuery: true,
      datetime: new Date(clock.now() - 61_000).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const { url } = await signer.sign();
    return handle({
      method: "GET",
      path: url.pathname,
      query: url.searchParams,
      headers: { host: `${host}:9000` },
      user: anonymousUser,
      signal: new AbortController().signal,
    });
  });
  assert.equal(late.status, 403);
  assert.match(await textOf(late), /Request has expired/);
});

test("a bucket may be named by the host", async (t) => {
  const { ask } = await newServer(t);
  await ask("PUT", "/mlpipeline/o", { body: "o" });
  assert.equal((await ask("GET", "/o", { host: `mlpipeline.${host}` })).text, "o");
});

test("what is not done is refused by its name, and what was never set is said to be so", async (t) => {
  const { ask } = await newServer(t);
  await ask("PUT", "/mlpipeline/o", { body: "o" });
  const answers = [
    await ask("PUT", "/mlpipeline/o?tagging", { body: "<Tagging/>" }),
    await ask("PUT", "/mlpipeline?versioning", { body: "<VersioningConfiguration/>" }),
    await ask("POST", "/mlpipeline/o?select&select-type=2", { body: "x" }),
    await ask("PUT", "/mlpipeline/e", { body: "x", headers: { "x-amz-server-side-encryption": "AES256" } }),
    await ask("PUT", "/mlpipeline/e", { body: "x", headers: { "x-amz-acl": "public-read" } }),
    await ask("GET", "/mlpipeline?policy"),
    await ask("GET", "/mlpipeline/o?versionId=3"),
    await ask("DELETE", "/mlpipeline"),
  ];
  assert.deepEqual(answers.map(codeOf), [
    "NotImplemented",
    "NotImplemented",
    "NotImplemented",
    "NotImplemented",
    "AccessControlListNotSupported",
    "NoSuchBucketPolicy",
    "NoSuchVersion",
    "AccessDenied",
  ]);
  assert.match(
    (await ask("GET", "/mlpipeline?versioning")).text,
    /<VersioningConfiguration [^>]*><\/VersioningConfiguration>/,
  );
});
