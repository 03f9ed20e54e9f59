import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createClient, createHttpTransport } from "@headrace/client";
import { Secret } from "@headrace/k8s";
import { HeadraceProcess } from "@headrace/platform/testing";
import { findRunning } from "@headrace/platform";
import { AwsV4Signer } from "aws4fetch";
import { median, printTable } from "../measure.ts";

const size = 1 << 30;
const rounds = 3;
const chunk = Buffer.alloc(1 << 20, "headrace");

/** Sends a request with a body of `size` bytes, or reads as many; answers MiB per second. */
async function move(method: "PUT" | "GET", url: URL, headers: Record<string, string>): Promise<number> {
  const began = performance.now();
  const outgoing = request(url, {
    method,
    headers: { ...headers, ...(method === "PUT" && { "content-length": size }) },
  });
  const answered = once(outgoing, "response");
  if (method === "PUT") {
    for (let sent = 0; sent < size; sent += chunk.length) {
      if (!outgoing.write(chunk)) await once(outgoing, "drain");
    }
  }
  outgoing.end();
  const [incoming] = await answered;
  let received = 0;
  for await (const bytes of incoming) received += (bytes as Buffer).length;
  if (incoming.statusCode !== 200 || (method === "GET" && received !== size)) {
    throw new RangeError(`${method} ${url.href} answered ${incoming.statusCode}, ${received} bytes`);
  }
  return size / (1 << 20) / ((performance.now() - began) / 1000);
}

/** The most memory that the process ever had, in MiB. */
function peakMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024;
}

/** Milliseconds of processor time that the process has used, its threads and its work in the kernel included. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** 1 GiB in and out of the object store, beside a bare file server in Node that syncs what it writes. */
export async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-bench-"));
  const headrace = new HeadraceProcess({ home: join(folder, "home"), runtime: folder, shares: [], port: 0 });
  const bare = spawn(process.execPath, [fileURLToPath(new URL("bare-server.ts", import.meta.url)), folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [port] = await once(createInterface({ input: bare.stdout }), "line");
    await headrace.ready;
    const running = findRunning(join(folder, "home"));
    if (running === undefined) throw new RangeError("Headrace is not running");
    const client = createClient({
      transport: createHttpTransport({
        server: `${running.gateway}/kube`,
        headers: () => ({ authorization: `Bearer ${running.token}` }),
      }),
    });
    const key = { namespace: "kubeflow", name: "mlpipeline-minio-artifact" };
    const { data = {} } = await client.resource(Secret).get(key);
    const text = (field: string): string => Buffer.from(data[field] ?? "", "base64").toString();
    const signed = async (method: "PUT" | "GET"): Promise<number> => {
      const signer = new AwsV4Signer({
        method,
        url: `${running.s3}/mlpipeline/bench/object`,
        accessKeyId: text("accesskey"),
        secretAccessKey: text("secretkey"),
        service: "s3",
        region: "us-east-1",
      });
      const { url, headers } = await signer.sign();
      return move(method, url, Object.fromEntries(headers));
    };
    const plain = (method: "PUT" | "GET"): Promise<number> => move(method, new URL(`http://127.0.0.1:${port}/`), {});

    const before = peakMiB(running.pid);
    for (const method of ["PUT", "GET"] as const) {
      const ours: number[] = [];
      const theirs: number[] = [];
      const used = { ours: 0, theirs: 0 };
      for (let round = 0; round < rounds; round += 1) {
        const start = { ours: cpuOf(running.pid), theirs: cpuOf(bare.pid ?? 0) };
        theirs.push(await plain(method));
        ours.push(await signed(method));
        used.ours += cpuOf(running.pid) - start.ours;
        used.theirs += cpuOf(bare.pid ?? 0) - start.theirs;
      }
      printTable(`${method} of 1 GiB, MiB/s`, [
        ["bare file server", median(theirs).toFixed(0)],
        ["object store", median(ours).toFixed(0), `${(median(ours) / median(theirs)).toFixed(2)} x`],
      ]);
      printTable(`${method} of 1 GiB, processor ms`, [
        ["bare file server", (used.theirs / rounds).toFixed(0)],
        ["object store", (used.ours / rounds).toFixed(0), `${(used.ours / used.theirs).toFixed(2)} x`],
      ]);
    }
    printTable("Most memory of Headrace, MiB", [
      ["before", before.toFixed(0)],
      ["after", peakMiB(running.pid).toFixed(0)],
    ]);
  } finally {
    bare.kill();
    await headrace.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
