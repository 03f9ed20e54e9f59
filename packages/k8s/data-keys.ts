import { cause, configKeyProblem, type StatusCause } from "@headrace/model";

/** What a ConfigMap or Secret may hold in all its values together, in bytes. */
const sizeLimit = 1024 * 1024;

/** Keys become file names and values share one limit: the rules that ConfigMaps and Secrets have in common. */
export function validateDataKeys(
  fields: readonly {
    readonly path: string;
    readonly values: Readonly<Record<string, string>> | undefined;
    readonly size: (value: string) => number;
  }[],
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  let total = 0;
  for (const { path, values, size } of fields) {
    for (const [key, value] of Object.entries(values ?? {})) {
      const problem = configKeyProblem(key);
      if (problem) causes.push(cause.invalid(`${path}[${key}]`, key, problem));
      total += size(value);
    }
  }
  return total > sizeLimit ? [...causes, cause.tooLong(fields[0]?.path ?? "", sizeLimit)] : causes;
}

/** Changes that an immutable ConfigMap or Secret refuses. Once true, `immutable` stays so. */
export function validateImmutable<T extends { readonly immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): readonly StatusCause[] {
  if (!old.immutable) return [];
  const fixed = "field is immutable when `immutable` is set";
  return [
    ...(object.immutable ? [] : [cause.forbidden("immutable", fixed)]),
    ...fields.filter((field) => !sameEntries(object[field], old[field])).map((field) => cause.forbidden(field, fixed)),
  ];
}

function sameEntries(a: unknown, b: unknown): boolean {
  const left = Object.entries(a ?? {});
  const right = new Map<string, unknown>(Object.entries(b ?? {}));
  return left.length === right.size && left.every(([key, value]) => right.get(key) === value);
}

const encoder = new TextEncoder();

export function textSize(text: string): number {
  return encoder.encode(text).byteLength;
}

/** Bytes that base64 text stands for. */
export function decodedSize(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return Math.floor((base64.length * 3) / 4) - padding;
}
