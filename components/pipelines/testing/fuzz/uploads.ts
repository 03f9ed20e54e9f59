import { deflateRawSync, gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { pack } from "tar-stream";
import { stringify } from "yaml";
import { addPipeline } from "../pipeline-specs.ts";
import type { CallOptions } from "../platform.ts";
import type { Chance } from "./chance.ts";
import { anyValue, hostileText, mutated } from "./values.ts";

const mebibyte = 1024 * 1024;

/** A form with a file that may be a pipeline, a broken or spiteful one, or no file at all. */
export async function hostileUpload(chance: Chance): Promise<CallOptions> {
  const text = pipelineText(chance);
  const { filename, content } = await packed(chance, text);
  return form(chance, filename, damaged(chance, content));
}

function pipelineText(chance: Chance): string {
  if (chance.percent(30)) return stringify(addPipeline());
  const spec: unknown = Array.from({ length: 1 + chance.below(3) }).reduce(
    (value) => mutated(value, chance),
    addPipeline(),
  );
  switch (chance.below(12)) {
    case 0:
      return yamlBomb(chance);
    case 1:
      return "[".repeat(1 + chance.below(20_000));
    case 2:
      return `{"a":`.repeat(1 + chance.below(20_000));
    case 3:
      return `a: &a [*a]\nb: !!js/function 'return 1'\n<<: *a\n${stringify(spec)}`;
    case 4:
      return `${stringify(spec)}\n---\n${stringify(anyValue(chance))}\n---\n${stringify({ platforms: anyValue(chance) })}`;
    case 5:
      return circular(chance);
    case 6:
      return JSON.stringify(spec) ?? "";
    case 7:
      return `\ufeff${stringify(spec)}`;
    default:
      return stringify(spec);
  }
}

function yamlBomb(chance: Chance): string {
  const levels = 3 + chance.below(12);
  const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
  for (let level = 1; level < levels; level++)
    lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(",")}]`);
  return lines.join("\n");
}

/** DAGs that contain themselves, tasks that wait for each other, loops in which everything is a loop. */
function circular(chance: Chance): string {
  const tasks = Object.fromEntries(
    Array.from({ length: 1 + chance.below(5) }, (_, index) => [
      `t${index}`,
      {
        componentRef: { name: chance.pick(["comp-adder", "comp-self", "comp-none"] as const) },
        dependentTasks: [`t${chance.below(5)}`],
        inputs: {
          parameters: {
            a: { taskOutputParameter: { producerTask: `t${chance.below(5)}`, outputParameterKey: "Output" } },
          },
        },
        ...(chance.percent(40) && {
          parameterIterator: {
            itemInput: "a",
            items: { raw: chance.pick(["[1]", "[", "[]", "{}", '["a",["b"]]'] as const) },
          },
        }),
        triggerPolicy: {
          condition: chance.pick([
            "",
            "1 == 1",
            "inputs.parameter_values['a'] == '",
            "((((",
            "a".repeat(5000),
          ] as const),
        },
      },
    ]),
  );
  const spec = addPipeline() as { components: Record<string, unknown>; root: Record<string, unknown> };
  spec.components["comp-self"] = { dag: { tasks } };
  spec.root["dag"] = { tasks };
  return stringify(spec);
}

async function packed(chance: Chance, text: string): Promise<{ filename: string; content: Buffer }> {
  const member = chance.percent(60)
    ? "pipeline.yaml"
    : chance.pick(["../../x.yaml", "/etc/x.yaml", "a\\b.yaml", "x.yaml", "", "d/"] as const);
  switch (chance.below(8)) {
    case 0:
      return { filename: "p.zip", content: Buffer.from(zipSync({ [member || "x"]: Buffer.from(text) })) };
    case 1:
      return { filename: "p.tar.gz", content: await tarball(chance, member, text) };
    case 2:
      return { filename: "p.zip", content: zipThatLies(text) };
    case 3:
      // A thousandfold.
      return { filename: "p.tar.gz", content: gzipSync(Buffer.alloc((1 + chance.below(80)) * mebibyte)) };
    default: {
      const filename = chance.percent(70)
        ? chance.pick(["p.yaml", "p.json", "p.yml"] as const)
        : hostileText(chance).slice(0, 300);
      return { filename, content: chance.percent(95) ? Buffer.from(text) : Buffer.from(text, "utf16le") };
    }
  }
}

async function tarball(chance: Chance, member: string, text: string): Promise<Buffer> {
  const archive = pack();
  for (let count = chance.percent(5) ? 1200 : chance.below(4); count > 0; count--)
    archive.entry({ name: `f${count}` }, "x");
  if (chance.percent(10)) archive.entry({ name: "pipeline.yaml", type: "symlink", linkname: "/etc/passwd" });
  archive.entry({ name: member || "x" }, text);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
  return gzipSync(Buffer.concat(chunks));
}

/** A local header whose sizes and checksum are made up. */
function zipThatLies(text: string): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(8, 8);
  header.writeUInt32LE(0xdeadbeef, 14);
  header.writeUInt32LE(3, 18);
  header.writeUInt32LE(0xfffffff0, 22);
  header.writeUInt16LE(13, 26);
  return Buffer.concat([header, Buffer.from("pipeline.yaml"), deflateRawSync(Buffer.from(text))]);
}

function damaged(chance: Chance, content: Buffer): Buffer {
  if (content.length === 0 || chance.percent(75)) return content;
  if (chance.percent(40)) return content.subarray(0, chance.below(content.length));
  const copy = Buffer.from(content);
  for (let count = 1 + chance.below(8); count > 0; count--) copy[chance.below(copy.length)] = chance.below(256);
  return copy;
}

function form(chance: Chance, filename: string, content: Buffer): CallOptions {
  const boundary = chance.percent(95) ? "----fuzz" : "x".repeat(chance.below(300));
  const part = chance.percent(93) ? "uploadfile" : hostileText(chance).slice(0, 100);
  const name = filename.replaceAll(/["\r\n\0]/g, chance.percent(50) ? "_" : "");
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="${part}"; filename="${name}"\r\n\r\n`;
  const pieces = [Buffer.from(head), content, Buffer.from(`\r\n--${boundary}--\r\n`)];
  const bytes = Buffer.concat(chance.percent(95) ? pieces : [Buffer.concat(pieces), Buffer.concat(pieces)]);
  const type = chance.percent(96)
    ? `multipart/form-data; boundary=${boundary}`
    : chance.pick([
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "text/plain",
        "multipart/form-data; boundary=other",
        "",
      ] as const);
  return {
    bytes: chance.percent(97) ? bytes : bytes.subarray(0, chance.below(bytes.length)),
    headers: { "content-type": type },
  };
}
