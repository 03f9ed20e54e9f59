import { badRequest } from "@headrace/model";

/** Deeper than any object of Kubernetes is; whatever walks over a value may rely on it. */
const deepest = 500;

/**
 * Paths of the object keys that stand more than once in a JSON text: `spec.containers[0].name`. `text` must be valid JSON: it
 * has been parsed before, and this only walks over it. Throws BadRequest for one that is nested too deeply.
 */
export function duplicateKeys(text: string): readonly string[] {
  const found: string[] = [];
  let at = 0;
  let depth = 0;

  function skipSpace(): void {
    while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  }

  function readString(): string {
    const start = at;
    at += 1;
    while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    at += 1;
    return text.slice(start, at);
  }

  function walk(path: string): void {
    depth += 1;
    if (depth > deepest)
      throw badRequest(`Cannot read the body of the request: it is nested deeper than ${deepest} levels`);
    skipSpace();
    const first = text[at];
    if (first === '"') readString();
    else if (first === "{") walkObject(path);
    else if (first === "[") walkArray(path);
    else while (at < text.length && !",]}".includes(text.charAt(at)) && text.charCodeAt(at) > 0x20) at += 1;
    skipSpace();
    depth -= 1;
  }

  function walkObject(path: string): void {
    const seen = new Set<string>();
    at += 1;
    skipSpace();
    while (text[at] !== "}") {
      const raw = readString();
      const key = raw.includes("\\") ? String(JSON.parse(raw)) : raw.slice(1, -1);
      const here = path === "" ? key : `${path}.${key}`;
      if (seen.has(key)) found.push(here);
      seen.add(key);
      skipSpace();
      at += 1;
      walk(here);
      if (text[at] === ",") at += 1;
      skipSpace();
    }
    at += 1;
  }

  function walkArray(path: string): void {
    at += 1;
    skipSpace();
    for (let index = 0; text[at] !== "]"; index += 1) {
      walk(`${path}[${index}]`);
      if (text[at] === ",") at += 1;
      skipSpace();
    }
    at += 1;
  }

  walk("");
  return found;
}
