import { resolveSchema, type Schema } from "./schema.ts";

/**
 * Compiles a schema once, into closures, and remembers the outcome for as long as the schema lives. Wrapping a schema (`optional`,
 * `at`) copies its node but not what is inside, so objects are remembered by their fields and the copies share one outcome. A
 * schema that contains itself gets a closure that looks the finished one up when it runs.
 */
export function compiled<F extends (...inputs: never[]) => unknown>(
  compile: (schema: Schema) => F,
): (schema: Schema) => F {
  const finished = new WeakMap<object, F>();
  return (schema) => {
    if (schema.type === "lazy") return later(() => get(schema.get()));
    return get(schema);
  };

  function get(schema: Schema): F {
    const node = resolveSchema(schema);
    const key = node.type === "object" && sharesByFields(node) ? node.fields : node;
    const known = finished.get(key);
    if (known) return known;
    const made = compile(node);
    finished.set(key, made);
    return made;
  }
}

/** Nothing but the fields says how the object is treated. */
function sharesByFields(node: {
  readonly preserveUnknown?: true;
  readonly embedded?: true;
  readonly union?: unknown;
  readonly nullable?: true;
}): boolean {
  return !node.preserveUnknown && !node.embedded && !node.union && !node.nullable;
}

function later<F extends (...inputs: never[]) => unknown>(find: () => F): F {
  let found: F | undefined;
  const run = (...inputs: never[]): unknown => (found ??= find())(...inputs);
  return run as F;
}
