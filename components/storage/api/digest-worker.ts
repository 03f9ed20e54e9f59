import { parentPort } from "node:worker_threads";
import { type Checksum, digests, type DigestName } from "../core/checksums.ts";
import type { DigestDone, DigestJob } from "./digest-threads.ts";

const begun = new Map<number, Checksum>();
const nothing = new Uint8Array();

/** Runs in a thread of its own: does one job after the other, and says so. */
parentPort?.on("message", (job: DigestJob) => {
  if (job.do === "forget") begun.delete(job.id);
  else parentPort?.postMessage(perform(job), []);
});

function perform(job: Exclude<DigestJob, { do: "forget" }>): DigestDone {
  const digest = begunDigest(job.id, job.name);
  if (job.do === "digest") return digest.digest();
  digest.update(job.bytes);
  return nothing;
}

function begunDigest(id: number, name: DigestName): Checksum {
  const digest = begun.get(id) ?? digests[name]();
  begun.set(id, digest);
  return digest;
}
