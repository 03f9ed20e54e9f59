import { readFileSync } from "node:fs";
import { CommandError } from "./terminal.ts";

/** A pipeline's declared inputs by name: the IR's parameter type says how to read a flag. */
export type InputTypes = ReadonlyMap<string, string>;

/**
 * Reads `-p name=value` flags: `k=text` for strings, `k=JSON` for everything else, `k=@file` for either from a file. Throws
 * CommandError that names the parameter.
 */
export function parseParameters(flags: readonly string[], inputs: InputTypes): Record<string, unknown> {
  return Object.fromEntries(flags.map((flag) => parseFlag(flag, inputs)));
}

function parseFlag(flag: string, inputs: InputTypes): [string, unknown] {
  const at = flag.indexOf("=");
  if (at < 1) throw new CommandError(`Cannot read the parameter "${flag}"`, { remedy: "Write -p name=value" });
  const name = flag.slice(0, at);
  const type = inputs.get(name);
  if (type === undefined) {
    const known = [...inputs.keys()];
    throw new CommandError(`The pipeline has no parameter "${name}"`, {
      remedy: known.length === 0 ? "It takes none" : `It takes: ${known.join(", ")}`,
    });
  }
  const given = flag.slice(at + 1);
  const text = given.startsWith("@") ? readParameterFile(name, given.slice(1)) : given;
  return [name, type === "STRING" ? text : parseJson(name, type, text)];
}

function readParameterFile(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new CommandError(
      `Cannot read the parameter "${name}" from ${path}`,
      { why: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
}

function parseJson(name: string, type: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CommandError(
      `Cannot read the parameter "${name}": "${text}" is not a ${type}`,
      { remedy: `Write it as JSON, such as -p ${name}='${example(type)}'` },
      { cause },
    );
  }
}

function example(type: string): string {
  return (
    { NUMBER_INTEGER: "3", NUMBER_DOUBLE: "0.5", BOOLEAN: "true", LIST: '["a", "b"]', STRUCT: '{"a": 1}' }[type] ??
    '"text"'
  );
}
