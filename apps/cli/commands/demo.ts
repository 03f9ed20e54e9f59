import { fileURLToPath } from "node:url";
import type { Surroundings } from "../environment.ts";
import type { Terminal } from "../terminal.ts";
import { runFile } from "./run.ts";

const example = fileURLToPath(new URL("../../../examples/digits/pipeline.py", import.meta.url));

/** A model's life on real data that ships in a package; the second time everything comes from cache. */
export async function demo(surroundings: Surroundings, terminal: Terminal): Promise<number> {
  const flags = { parameter: [], cache: true };
  terminal.note("Digits: describe, validate, split, train four models, evaluate, pick the best, publish it");
  const first = await runFile(example, { ...flags, name: "digits" }, surroundings, terminal);
  if (first !== 0) return first;
  terminal.note("\nOnce more: nothing has changed, so every step comes from cache");
  return runFile(example, { ...flags, name: "digits again" }, surroundings, terminal);
}
