import { compilePipelines, kfpPython } from "./compile.ts";

/** The pipelines of testing/pipelines, compiled by the stock SDK; undefined where there is none. Compiled once for all tests. */
export function compiledPipelines(): Promise<ReadonlyMap<string, string> | undefined> {
  compiled ??= compileAll();
  return compiled;
}

let compiled: Promise<ReadonlyMap<string, string> | undefined> | undefined;

async function compileAll(): Promise<ReadonlyMap<string, string> | undefined> {
  const python = await kfpPython();
  if (!python) return undefined;
  const all = new Map<string, string>();
  for (const source of ["basics.py", "groups.py", "real.py"]) {
    for (const [name, text] of await compilePipelines(python, source)) all.set(name, text);
  }
  return all;
}
