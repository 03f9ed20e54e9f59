import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where the dashboard's built files are, or will be. */
export const pagesDirectory = fileURLToPath(new URL("../dashboard/dist", import.meta.url));

const maker = fileURLToPath(new URL("../dashboard/make.ts", import.meta.url));

/**
 * Builds the pages of a checkout while the server already answers; an installed package brings them along. What is
 * returned ends what is still being built.
 */
export function buildPages(log: (line: string) => void): () => void {
  if (!existsSync(maker)) return () => {};
  const child = spawn(process.execPath, [maker], { stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4096);
  });
  child.on("exit", (code) => {
    if (code !== 0 && code !== null) log(`Cannot build the dashboard's pages:\n${complaint}`);
  });
  return () => void child.kill();
}
