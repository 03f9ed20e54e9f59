import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type TestFace, testFace } from "../testing/platform.ts";
import { type LineageWriter, lineageWriter } from "../testing/task-rows.ts";

const ns = "kubeflow";
const content = (id: number) => `/apis/headrace.io/v1/namespaces/${ns}/artifacts/${id}/content`;

async function faceWithRun(): Promise<{ face: TestFace; id: string; rows: LineageWriter }> {
  const face = await testFace();
  const body = { display_name: "r", pipeline_spec: addPipeline(), runtime_config: { parameters: { a: 1 } } };
  const id = String((await face.call("POST", "/apis/v2beta1/runs", { body })).json["run_id"]);
  return { face, id, rows: lineageWriter(face.records, { ns, id }) };
}

test("an artifact of a node is its bytes in base64, whether the node goes by pod or by task", async () => {
  const { face, id, rows } = await faceWithRun();
  await using _ = face;
  const bytes = Buffer.from(Array.from({ length: 600_001 }, (_, n) => n % 251));
  await face.artifacts.write("minio://mlpipeline/a/model", bytes);
  const task = await rows.task({ name: "train", uid: "u" });
  await rows.attempt({ task, pod: "train-0" });
  await rows.artifact({ uri: "minio://mlpipeline/a/model" }, [{ task, direction: "OUTPUT", name: "model" }]);
  for (const node of ["train-0", "u", String(task)]) {
    const { json } = await face.call("GET", `/apis/v2beta1/runs/${id}/nodes/${node}/artifacts/model:read`);
    assert.ok(Buffer.from(String(json["data"]), "base64").equals(bytes), node);
  }
  const missing = await face.call("GET", `/apis/v2beta1/runs/${id}/nodes/u/artifacts/other:read`);
  assert.deepEqual([missing.status, Object.keys(missing.json)], [400, ["error_message", "error_details"]]);
});

test("an archived log is text; one that its node still has says where to find it", async () => {
  const { face, id, rows } = await faceWithRun();
  await using _ = face;
  const task = await rows.task({ name: "train" });
  await face.artifacts.write("minio://mlpipeline/logs/0", "line one\n<b>two</b>\n");
  await rows.attempt({ task, pod: "train-0", log: "minio://mlpipeline/logs/0" });
  await rows.attempt({ task, n: 1, pod: "train-1" });
  const log = await face.call("GET", `/apis/v1alpha1/runs/${id}/nodes/train-0/log`);
  assert.deepEqual([log.text, log.headers["content-type"]], ["line one\n<b>two</b>\n", "text/plain; charset=utf-8"]);
  const live = await face.call("GET", `/apis/v1alpha1/runs/${id}/nodes/train-1/log`);
  assert.match(live.text, /kubectl logs/);
});

test("content by record id: HTML is shown in a sandbox, anything else is downloaded", async () => {
  const { face, rows } = await faceWithRun();
  await using _ = face;
  await face.artifacts.write("minio://mlpipeline/page", "<script>alert(1)</script>");
  const page = await rows.artifact({ uri: "minio://mlpipeline/page", type: "system.HTML" }, []);
  const html = await face.call("GET", content(page));
  assert.equal(html.headers["content-type"], "text/html; charset=utf-8");
  // Its scripts may draw; they have no origin and may call nobody.
  const policy = html.headers["content-security-policy"] ?? "";
  assert.match(policy, /^sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'/);
  assert.doesNotMatch(policy, /connect-src|'self'|allow-same-origin/);
  const still = await face.call("GET", content(page), { query: { scripts: "off" } });
  assert.match(still.headers["content-security-policy"] ?? "", /^sandbox; (?!.*script-src)/);
  const model = await rows.artifact({ uri: "minio://mlpipeline/page", type: "system.Model" }, []);
  const file = await face.call("GET", content(model), { query: { limit: "7" } });
  assert.deepEqual([file.text, file.headers["content-disposition"]], ["<script", "attachment"]);
});

test("a tree is its list of files, each of which can be read; nothing outside of it can", async () => {
  const { face, rows } = await faceWithRun();
  await using _ = face;
  await face.artifacts.write("minio://mlpipeline/tree/a/b", "deep");
  await face.artifacts.write("minio://mlpipeline/secret", "secret");
  const id = await rows.artifact({ uri: "minio://mlpipeline/tree" }, []);
  assert.deepEqual((await face.call("GET", content(id))).json, { files: [{ path: "a/b", size: 4 }] });
  assert.equal((await face.call("GET", content(id), { query: { path: "a/b" } })).text, "deep");
  for (const path of ["../secret", "a/../../secret", "/etc/passwd", "a//b", "%2e%2e/secret"]) {
    const answer = await face.call("GET", content(id), { query: { path } });
    assert.ok(answer.status === 400 || answer.status === 404, path);
    assert.doesNotMatch(answer.text, /"secret"$/);
  }
});

test("a range of bytes is answered alone, and one beyond the end is refused", async () => {
  const { face, rows } = await faceWithRun();
  await using _ = face;
  await face.artifacts.write("minio://mlpipeline/x", "0123456789");
  const id = await rows.artifact({ uri: "minio://mlpipeline/x" }, []);
  const ask = async (range: string) => {
    const { status, text, headers } = await face.call("GET", content(id), { headers: { range } });
    return [status, text, headers["content-range"]];
  };
  assert.deepEqual(await ask("bytes=2-4"), [206, "234", "bytes 2-4/10"]);
  assert.deepEqual(await ask("bytes=7-"), [206, "789", "bytes 7-9/10"]);
  assert.deepEqual(await ask("bytes=-4"), [206, "6789", "bytes 6-9/10"]);
  assert.deepEqual(await ask("bytes=8-99"), [206, "89", "bytes 8-9/10"]);
  assert.deepEqual(await ask("bytes=10-12"), [416, "", "bytes */10"]);
  assert.deepEqual(await ask("bytes=0-1,4-5"), [200, "0123456789", undefined]);
});

test("a tree can be taken home as one archive", async () => {
  const { face, rows } = await faceWithRun();
  await using _ = face;
  await face.artifacts.write("minio://mlpipeline/tree/a/b", "deep");
  await face.artifacts.write("minio://mlpipeline/tree/c", Buffer.alloc(200_000, 7));
  const id = await rows.artifact({ uri: "minio://mlpipeline/tree" }, []);
  const answer = await face.call("GET", content(id), { query: { archive: "tar.gz" } });
  assert.match(answer.headers["content-disposition"] ?? "", /tree\.tar\.gz$/);
  const found: Record<string, number> = {};
  const members = extract();
  members.end(gunzipSync(answer.bytes));
  for await (const member of members) {
    found[member.header.name] = member.header.size ?? 0;
    member.resume();
  }
  assert.deepEqual(found, { "tree/a/b": 4, "tree/c": 200_000 });
  assert.equal((await face.call("GET", content(id), { query: { archive: "rar" } })).status, 400);
});

test("an artifact is read in its own namespace only, and only from a store that there is", async () => {
  const { face, rows } = await faceWithRun();
  await using _ = face;
  await face.artifacts.write("minio://mlpipeline/x", "x");
  const id = await rows.artifact({ uri: "minio://mlpipeline/x" }, []);
  assert.equal((await face.call("GET", content(id).replace(ns, "other"))).status, 404);
  assert.equal((await face.call("GET", content(id + 1))).status, 404);
  const far = await rows.artifact({ uri: "gs://bucket/x" }, []);
  const answer = await face.call("GET", content(far));
  assert.deepEqual([answer.status, /no provider/.test(answer.text)], [400, true]);
});

test("artifacts are listed with their types and metadata, page by page, and found by their uuid", async () => {
  const { face, rows } = await faceWithRun();
  await using _ = face;
  await rows.artifact({ uid: "one", uri: "minio://b/1", type: "system.Model", metadata: '{"framework":"x"}' }, []);
  await rows.artifact({ uid: "two", uri: "minio://b/2", type: "system.HTML", created_at: 9_000 }, []);
  const path = "/apis/v2beta1/artifacts";
  const first = await face.call("GET", path, { query: { page_size: "1" } });
  const one = {
    artifact_id: "one",
    type: "Model",
    uri: "minio://b/1",
    metadata: { framework: "x" },
    created_at: "1970-01-01T00:00:03Z",
    namespace: ns,
    schema_title: "system.Model",
  };
  assert.deepEqual([first.json["artifacts"], first.json["total_size"]], [[one], 2]);
  const rest = await face.call("GET", path, { query: { page_token: String(first.json["next_page_token"]) } });
  assert.match(rest.text, /"artifact_id":"two".*"type":"HTML"/);
  assert.deepEqual((await face.call("GET", `${path}/one`)).json, one);
  assert.equal((await face.call("GET", `${path}/none`)).status, 404);
  assert.match((await face.call("POST", path)).text, /"code":7,.*the engine itself records.*import it/);
});

test("a step's end is taken from who may write its pod's status, for that pod alone", async () => {
  const { face, id, rows } = await faceWithRun();
  await using _ = face;
  const task = await rows.task({ name: "train", state: "RUNNING" });
  await rows.attempt({ task, pod: "train-0", state: "RUNNING" });
  const path = `/headrace/steps/${id}/${task}/0/report`;
  const report = {
    pod: { namespace: ns, name: "train-0", uid: "u" },
    exitCode: 3,
    reason: "Error",
    message: "",
    finishedAt: 1,
    files: {},
    refused: {},
    outputs: {},
    tail: "",
  };
  assert.equal((await face.call("POST", path, { body: report })).status, 200);
  assert.equal(face.engine.told.at(-1), `report ${id} ${task} 0 exit 3`);
  const other = { ...report, pod: { ...report.pod, name: "train-1" } };
  for (const body of [other, { ...report, exitCode: "0" }, { ...report, log: { size: "1" } }, {}, []]) {
    assert.equal((await face.call("POST", path, { body })).status, 400, JSON.stringify(body));
  }
  assert.equal((await face.call("POST", path.replace("/0/", "/7/"), { body: report })).status, 404);
});
