import { PatchError } from "./errors.ts";
import { depthLimit, isDeeperThan, isEqual, isObject } from "./json.ts";

/** The most operations that one patch may have. */
const operationLimit = 10_000;
/** All that `copy` operations may copy together, in characters of JSON. */
const copyLimit = 3 * 1024 * 1024;

/** The value after the operations of an RFC 6902 patch, all or none. Nothing that came in is changed. Throws PatchError. */
export function applyJsonPatch(value: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch))
    throw new PatchError("malformed", "Cannot read the JSON patch: it must be a list of operations");
  if (patch.length > operationLimit) {
    throw new PatchError(
      "malformed",
      `Cannot apply the JSON patch: it has ${patch.length} operations, and may have ${operationLimit}`,
    );
  }
  let copied = 0;
  let result = value;
  for (const [index, raw] of patch.entries()) {
    const operation = readOperation(raw, index);
    if (operation.op === "copy") copied += JSON.stringify(valueAt(result, operation.from)).length;
    if (copied > copyLimit)
      throw new PatchError(
        "inapplicable",
        `Cannot apply the JSON patch: its copies are larger than ${copyLimit} bytes`,
      );
    result = applyOperation(result, operation);
  }
  if (isDeeperThan(depthLimit, result)) {
    throw new PatchError(
      "inapplicable",
      `Cannot apply the JSON patch: the result is nested more than ${depthLimit} levels deep`,
    );
  }
  return result;
}

type Pointer = readonly string[];

type Operation =
  | { readonly op: "add" | "replace" | "test"; readonly path: Pointer; readonly value: unknown }
  | { readonly op: "remove"; readonly path: Pointer }
  | { readonly op: "move" | "copy"; readonly path: Pointer; readonly from: Pointer };

function readOperation(raw: unknown, index: number): Operation {
  if (!isObject(raw)) throw malformed(index, "is no object");
  const { op, value } = raw;
  const path = readPointer(raw["path"], index, "path");
  switch (op) {
    case "add":
    case "replace":
    case "test":
      if (value === undefined) throw malformed(index, `("${op}") needs a value`);
      return { op, path, value };
    case "remove":
      return { op, path };
    case "move":
    case "copy":
      return { op, path, from: readPointer(raw["from"], index, "from") };
    default:
      throw malformed(
        index,
        `has an unknown op ${JSON.stringify(op)}; it must be add, remove, replace, move, copy or test`,
      );
  }
}

function readPointer(text: unknown, index: number, field: string): Pointer {
  if (typeof text !== "string" || (text !== "" && !text.startsWith("/"))) {
    throw malformed(index, `needs a ${field} that is empty or starts with "/"`);
  }
  return text
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function malformed(index: number, what: string): PatchError {
  return new PatchError("malformed", `Cannot read the JSON patch: operation ${index} ${what}`);
}

function applyOperation(value: unknown, operation: Operation): unknown {
  switch (operation.op) {
    case "add":
      return add(value, operation.path, operation.value);
    case "remove":
      return remove(value, operation.path);
    case "replace":
      valueAt(value, operation.path);
      return put(value, operation.path, operation.value);
    case "test":
      if (isEqual(valueAt(value, operation.path), operation.value)) return value;
      throw new PatchError("inapplicable", `testing value ${written(operation.path)} failed: test failed`);
    case "copy":
      return add(value, operation.path, valueAt(value, operation.from));
    case "move":
      return move(value, operation.from, operation.path);
  }
}

function move(value: unknown, from: Pointer, path: Pointer): unknown {
  if (path.length > from.length && from.every((step, index) => step === path[index])) {
    throw new PatchError("inapplicable", `Cannot move ${written(from)} into itself, to ${written(path)}`);
  }
  const moved = valueAt(value, from);
  return isEqual(from, path) ? value : add(remove(value, from), path, moved);
}

function valueAt(value: unknown, pointer: Pointer): unknown {
  let found = value;
  for (const step of pointer) {
    if (Array.isArray(found)) found = found[indexIn(found, step, pointer, found.length - 1)];
    else if (isObject(found) && Object.hasOwn(found, step)) found = found[step];
    else throw missing(pointer);
  }
  return found;
}

/** The value with its part at the pointer changed; what lies beside the way is shared. */
function change(
  value: unknown,
  pointer: Pointer,
  edit: (container: unknown, step: string) => unknown,
  whole = pointer,
): unknown {
  const [step = "", ...rest] = pointer;
  if (rest.length === 0) return edit(value, step);
  if (Array.isArray(value)) {
    const index = indexIn(value, step, whole, value.length - 1);
    return value.with(index, change(value[index], rest, edit, whole));
  }
  if (!isObject(value) || !Object.hasOwn(value, step)) throw missing(whole);
  return { ...value, [step]: change(value[step], rest, edit, whole) };
}

function add(value: unknown, pointer: Pointer, added: unknown): unknown {
  if (pointer.length === 0) return added;
  return change(value, pointer, (container, step) => {
    if (Array.isArray(container)) {
      const index = step === "-" ? container.length : indexIn(container, step, pointer, container.length);
      return container.toSpliced(index, 0, added);
    }
    return withField(container, step, added, pointer);
  });
}

function put(value: unknown, pointer: Pointer, next: unknown): unknown {
  if (pointer.length === 0) return next;
  return change(value, pointer, (container, step) =>
    Array.isArray(container)
      ? container.with(indexIn(container, step, pointer, container.length - 1), next)
      : withField(container, step, next, pointer),
  );
}

function remove(value: unknown, pointer: Pointer): unknown {
  if (pointer.length === 0)
    throw new PatchError("inapplicable", "Cannot remove the whole object by a patch: delete it");
  return change(value, pointer, (container, step) => {
    if (Array.isArray(container))
      return container.toSpliced(indexIn(container, step, pointer, container.length - 1), 1);
    if (!isObject(container) || !Object.hasOwn(container, step)) throw missing(pointer);
    const { [step]: _removed, ...rest } = container;
    return rest;
  });
}

function withField(container: unknown, step: string, value: unknown, pointer: Pointer): unknown {
  if (!isObject(container)) throw missing(pointer);
  if (step === "__proto__")
    throw new PatchError("inapplicable", "Cannot apply the JSON patch: a field may not be named `__proto__`");
  return { ...container, [step]: value };
}

function indexIn(list: readonly unknown[], step: string, pointer: Pointer, last: number): number {
  const index = /^(0|[1-9]\d{0,8})$/.test(step) ? Number(step) : Number.NaN;
  if (index <= last) return index;
  const why = Number.isNaN(index) ? `${JSON.stringify(step)} is no index` : `the list has ${list.length} items`;
  throw new PatchError("inapplicable", `Cannot follow ${written(pointer)}: ${why}`);
}

function missing(pointer: Pointer): PatchError {
  return new PatchError("inapplicable", `Cannot follow ${written(pointer)}: there is no such field`);
}

function written(pointer: Pointer): string {
  return JSON.stringify(pointer.map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""));
}
