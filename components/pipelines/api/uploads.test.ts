import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync, gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { pack } from "tar-stream";
import { stringify } from "yaml";
import { addPipeline } from "../testing/pipeline-specs.ts";
import { type Answer, type TestFace, testFace } from "../testing/platform.ts";

const path = "/apis/v2beta1/pipelines";
const yaml = stringify(addPipeline());

interface Given {
  readonly filename: string;
  readonly content: string | Uint8Array;
  readonly query?: Record<string, string>;
  readonly part?: string;
  readonly to?: string;
}

async function upload(
  face: TestFace,
  { filename, content, query = {}, part = "uploadfile", to = "upload" }: Given,
): Promise<Answer> {
  const boundary = "----of-this-form";
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="${part}"; filename="${filename}"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  const bytes = Buffer.concat([Buffer.from(head), Buffer.from(content), Buffer.from(`\r\n--${boundary}--\r\n`)]);
  const headers = { "content-type": `multipart/form-data; boundary=${boundary}` };
  return face.call("POST", `${path}/${to}`, { bytes, query, headers });
}

async function tarball(members: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(members)) archive.entry({ name }, Buffer.from(content));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
  return gzipSync(Buffer.concat(chunks));
}

const zip = (members: Readonly<Record<string, string>>): Uint8Array =>
  zipSync(Object.fromEntries(Object.entries(members).map(([name, content]) => [name, Buffer.from(content)])));

test("a pipeline is uploaded as YAML, JSON, zip or tar.gz", async () => {
  await using face = await testFace();
  const files: [string, string | Uint8Array][] = [
    ["a.yaml", yaml],
    ["b.yml", yaml],
    ["c.json", JSON.stringify(addPipeline())],
    ["d.zip", zip({ "README.md": "read me", "pipeline.yaml": yaml })],
    ["e.tar.gz", await tarball({ "README.md": "read me", "pipeline.yaml": yaml })],
    ["f.zip", zip({ "other.yaml": yaml })],
    ["g.tgz", await tarball({ "other.yaml": yaml })],
  ];
  for (const [filename, content] of files) {
    const made = await upload(face, { filename, content, query: { name: filename } });
    assert.equal(made.status, 200, `${filename}: ${made.text}`);
    const versions = (await face.call("GET", `${path}/${made.json["pipeline_id"]}/versions`)).json[
      "pipeline_versions"
    ] as { pipeline_spec: unknown }[];
    assert.deepEqual(versions[0]?.pipeline_spec, addPipeline(), filename);
  }
});

test("the query says what the file is called and what else there is to it", async () => {
  await using face = await testFace();
  const query = {
    name: "n",
    display_name: "N",
    description: "d",
    tags: '{"a":"b"}',
    code_source_url: "https://example.com",
  };
  const { json } = await upload(face, { filename: "x.yaml", content: yaml, query });
  const { pipeline_id, name, display_name, description, tags } = json;
  assert.deepEqual([name, display_name, description, tags], ["n", "N", "d", { a: "b" }]);
  const version = await upload(face, {
    filename: "x.yaml",
    content: yaml,
    query: { name: "v2", pipelineid: String(pipeline_id) },
    to: "upload_version",
  });
  assert.deepEqual([version.json["name"], version.json["pipeline_id"]], ["v2", pipeline_id]);
});

test("a platform document may stand before or after the pipeline, and comes back with it", async () => {
  await using face = await testFace();
  const platform = { platforms: { kubernetes: { deploymentSpec: { executors: {} } } } };
  for (const [index, documents] of [
    [addPipeline(), platform],
    [platform, addPipeline()],
  ].entries()) {
    const content = documents.map((document) => stringify(document)).join("---\n");
    const made = await upload(face, { filename: "x.yaml", content, query: { name: `p${index}` } });
    const versions = (await face.call("GET", `${path}/${made.json["pipeline_id"]}/versions`)).json[
      "pipeline_versions"
    ] as { pipeline_spec: unknown }[];
    assert.deepEqual(versions[0]?.pipeline_spec, { pipeline_spec: addPipeline(), platform_spec: platform });
  }
});

test("a platform document without platforms is none", async () => {
  await using face = await testFace();
  const content = `${stringify(addPipeline())}---\nplatforms: {}\n`;
  const made = await upload(face, { filename: "x.yaml", content, query: { name: "p" } });
  const { json } = await face.call("GET", `${path}/${made.json["pipeline_id"]}/versions`);
  assert.deepEqual((json["pipeline_versions"] as { pipeline_spec: unknown }[])[0]?.pipeline_spec, addPipeline());
});

test("text that looks like a number to a YAML 1.2 reader stays the text that PyYAML wrote", async () => {
  await using face = await testFace();
  const content = yaml.replace(
    "command:",
    "env:\n          - name: N\n            value: 1e3\n          - name: M\n            value: 0o17\n        command:",
  );
  const made = await upload(face, { filename: "x.yaml", content, query: { name: "p" } });
  const { text } = await face.call("GET", `${path}/${made.json["pipeline_id"]}/versions`);
  assert.match(text, /"value":"1e3"/);
  assert.match(text, /"value":"0o17"/);
});

test("failures have the upload's own body; a name that is taken is 409", async () => {
  await using face = await testFace();
  await upload(face, { filename: "x.yaml", content: yaml, query: { name: "p" } });
  const twice = await upload(face, { filename: "x.yaml", content: yaml, query: { name: "p" } });
  assert.equal(twice.status, 409);
  assert.deepEqual(Object.keys(twice.json).sort(), ["error_details", "error_message"]);
  const missing = await upload(face, { filename: "x.yaml", content: yaml, query: { name: "v" }, to: "upload_version" });
  assert.deepEqual([missing.status, /pipelineid/.test(missing.text)], [400, true]);
  const unknown = await upload(face, {
    filename: "x.yaml",
    content: yaml,
    query: { name: "v", pipelineid: "none" },
    to: "upload_version",
  });
  assert.equal(unknown.status, 400);
});

test("an upload by someone who may not is 400, as upstream answers it", async () => {
  await using face = await testFace({ authorizer: { authorize: async () => ({ allowed: false, reason: "no role" }) } });
  const answer = await upload(face, { filename: "x.yaml", content: yaml });
  assert.deepEqual([answer.status, /no role/.test(answer.text)], [400, true]);
});

test("what is not a pipeline is refused with a reason", async () => {
  await using face = await testFace();
  const cases: [string, string | Uint8Array, RegExp][] = [
    ["x.txt", yaml, /expected a .yaml or .json file/],
    ["x.yaml", "a: [", /YAML/],
    ["x.yaml", "just text", /not a mapping/],
    ["x.json", "{", /JSON/],
    ["x.yaml", Buffer.from([0x61, 0xff, 0xfe]), /UTF-8/],
    ["x.zip", zip({ "README.md": "no" }), /first file, \\"README.md\\", is not YAML/],
    ["x.zip", Buffer.from("PK\u0003\u0004 broken"), /Cannot read the pipeline/],
    ["x.tar.gz", gzipSync("not a tar"), /damaged|empty/],
    ["x.tar.gz", Buffer.from([0x1f, 0x8b, 1, 2, 3]), /damaged/],
    ["x.yaml", stringify({ ...addPipeline(), pipelineInfo: {} }), /pipelineInfo.name/],
    ["x.yaml", `${yaml}---\n${yaml}`, /2 pipeline specs/],
  ];
  for (const [filename, content, message] of cases) {
    const answer = await upload(face, { filename, content, query: { name: "p" } });
    assert.deepEqual([answer.status, message.test(answer.text)], [400, true], `${filename}: ${answer.text}`);
  }
  assert.match((await upload(face, { filename: "x.yaml", content: yaml, part: "file" })).text, /uploadfile/);
  assert.match((await face.call("POST", `${path}/upload`, { body: {} })).text, /multipart/);
  const headers = { "content-type": "multipart/form-data; boundary=b" };
  assert.equal(
    (await face.call("POST", `${path}/upload`, { bytes: Buffer.from("--b\r\nnonsense"), headers })).status,
    400,
  );
  assert.equal(
    (await face.call("POST", `${path}/upload`, { headers: { "content-type": "multipart/form-data" } })).status,
    400,
  );
  assert.deepEqual(face.bugs, []);
});

test("archives whose members lie outside of them are refused", async () => {
  await using face = await testFace();
  for (const name of ["../pipeline.yaml", "/etc/pipeline.yaml", "a/../../pipeline.yaml", "a\\..\\pipeline.yaml"]) {
    for (const content of [zip({ [name]: yaml }), await tarball({ [name]: yaml })]) {
      const answer = await upload(face, { filename: "archive", content });
      assert.deepEqual([answer.status, /outside/.test(answer.text)], [400, true], `${name}: ${answer.text}`);
    }
  }
});

test("what unfolds to too much is refused", async () => {
  await using face = await testFace();
  const zeros = new Uint8Array(66 * 2 ** 20);
  const bombs: [string, Uint8Array][] = [
    ["zip", lyingZip(zeros)],
    ["tar.gz", await tarball({ "pipeline.yaml": zeros })],
    ["members", zip(Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`${n}.yaml`, "x"])))],
  ];
  for (const [name, content] of bombs) {
    const answer = await upload(face, { filename: name, content });
    assert.deepEqual([answer.status, /more than/.test(answer.text)], [400, true], `${name}: ${answer.text}`);
  }
});

test("aliases that multiply are refused", async () => {
  await using face = await testFace();
  const levels = Array.from({ length: 9 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n},`.repeat(9)}]`);
  const content = `l0: &l0 [lol]\n${levels.join("\n")}\n`;
  const answer = await upload(face, { filename: "x.yaml", content });
  assert.equal(answer.status, 400, answer.text);
});

test("a file larger than 32 MiB is refused", async () => {
  await using face = await testFace();
  const answer = await upload(face, { filename: "x.yaml", content: Buffer.alloc(32 * 2 ** 20 + 1, "#") });
  assert.deepEqual([answer.status, /32 MiB/.test(answer.text)], [400, true]);
  const larger = await upload(face, { filename: "x.yaml", content: Buffer.alloc(40 * 2 ** 20, "#") });
  assert.deepEqual([larger.status, /too large/i.test(larger.text)], [400, true], larger.text);
});

/** A zip whose header says that its one member is small. */
function lyingZip(content: Uint8Array): Uint8Array {
  const packed = deflateRawSync(content);
  const name = Buffer.from("pipeline.yaml");
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(8, 8);
  header.writeUInt32LE(packed.length, 18);
  header.writeUInt32LE(100, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, name, packed]);
}
