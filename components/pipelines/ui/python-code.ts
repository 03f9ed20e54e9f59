/** Python literals and calls, for the lines that do from code what a form does. */
function pythonLiteral(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return pythonText(value);
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, content]) => `${pythonText(key)}: ${pythonLiteral(content)}`)
    .join(", ")}}`;
}

/** JSON's escapes are Python's, but for characters that JSON leaves to surrogates: those stay as they are. */
const pythonText = (text: string): string => JSON.stringify(text);

/** A call with one argument a line; undefined arguments are left out. Texts stand as they are where they are marked as code. */
export function pythonCall(
  name: string,
  args: readonly (readonly [name: string, value: unknown] | { readonly code: string } | undefined)[],
): string {
  const lines = args.flatMap((arg) => {
    if (arg === undefined) return [];
    if ("code" in arg) return [`    ${arg.code},`];
    const [key, value] = arg;
    return value === undefined ? [] : [`    ${key === "" ? "" : `${key}=`}${pythonBlock(value)},`];
  });
  return `${name}(\n${lines.join("\n")}\n)`;
}

/** Dictionaries with more than one entry get a line for each. */
function pythonBlock(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return pythonLiteral(value);
  const entries = Object.entries(value);
  if (entries.length < 2) return pythonLiteral(value);
  const lines = entries.map(([key, content]) => `        ${pythonText(key)}: ${pythonLiteral(content)},`);
  return `{\n${lines.join("\n")}\n    }`;
}

export const pythonClient = (host: string): string =>
  `from kfp import Client\n\nclient = Client(host=${pythonLiteral(host)})\n`;
