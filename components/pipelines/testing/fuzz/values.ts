import type { Shape } from "../../api/message.ts";
import type { Chance } from "./chance.ts";

/** Texts that have broken servers before. */
const texts = [
  "",
  " ",
  "a",
  "0",
  "-1",
  "null",
  "true",
  "NaN",
  "\0",
  "a\0b",
  "\ud800",
  "\ufeff",
  "é̂́",
  "🧨".repeat(64),
  "../../etc/passwd",
  "..%2f..%2f",
  "/",
  "\\",
  "'; drop table run; --",
  '" or 1=1 --',
  "%",
  "%25",
  "%_!%",
  "{{$.inputs.parameters['x']}}",
  "${jndi:ldap://x}",
  "<script>alert(1)</script>",
  "__proto__",
  "constructor",
  "toString",
  "[[CurrentTime.yyyy]]",
  "x".repeat(64),
  "x".repeat(129),
  "x".repeat(300),
  "x".repeat(70_000),
  "1970-01-01T00:00:00Z",
  "9999-12-31T23:59:59Z",
  "0000-00-00T00:00:00Z",
  "2026-02-30T00:00:00Z",
  "+275760-09-13T00:00:00Z",
  "minio://mlpipeline/x",
  "file:///etc/passwd",
  "* * * * * *",
  "0 0 31 2 *",
  "@every 0s",
  "@every 99999999h",
] as const;

const numbers = [0, -0, 1, -1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 53, -(2 ** 63), 1e-320, 4294967296] as const;

/** Any value of JSON, mostly small. */
export function anyValue(chance: Chance, depth = 0): unknown {
  const kind = chance.below(depth > 3 ? 4 : 7);
  if (kind === 0) return hostileText(chance);
  if (kind === 1) return chance.pick(numbers);
  if (kind === 2) return chance.percent(50);
  if (kind === 3) return null;
  if (kind === 4) return Array.from({ length: chance.below(4) }, () => anyValue(chance, depth + 1));
  if (kind === 5) return entries(chance, () => anyValue(chance, depth + 1));
  return chance.percent(5) ? nested(chance) : entries(chance, () => anyValue(chance, depth + 1));
}

export function hostileText(chance: Chance): string {
  return chance.percent(90) ? chance.pick(texts) : chance.bytes(chance.below(40)).toString("latin1");
}

/** A value of the shape, or nearly: one place in ten holds something else. `known` has values that lead further, by the field's name. */
export function valueOf(shape: Shape, chance: Chance, known: (name: string) => unknown, name = "", depth = 0): unknown {
  if (chance.percent(7)) return anyValue(chance);
  switch (shape.kind) {
    case "text":
      return (chance.percent(70) ? known(name) : undefined) ?? hostileText(chance);
    case "flag":
      return chance.percent(50);
    case "integer":
      return chance.percent(50)
        ? chance.below(100)
        : chance.percent(50)
          ? String(chance.below(100))
          : chance.pick(numbers);
    case "time":
      return chance.percent(60) ? "2026-01-01T00:00:00Z" : hostileText(chance);
    case "word":
      return chance.percent(50) ? chance.pick(Object.values(shape.names)) : chance.below(20);
    case "list":
      return Array.from({ length: depth > 4 ? 0 : chance.below(3) }, () =>
        valueOf(shape.item, chance, known, name, depth + 1),
      );
    case "map":
      return entries(chance, () => valueOf(shape.item, chance, known, name, depth + 1));
    case "message":
      return messageOf(shape.fields, chance, known, depth);
    default:
      return (chance.percent(80) ? known(name) : undefined) ?? anyValue(chance);
  }
}

function messageOf(
  fields: Readonly<Record<string, Shape>>,
  chance: Chance,
  known: (name: string) => unknown,
  depth: number,
) {
  const share = depth === 0 ? 45 : 60;
  const chosen = Object.entries(fields).filter(() => depth < 6 && chance.percent(share));
  const made = chosen.map(([name, shape]) => [
    chance.percent(20) ? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : name,
    valueOf(shape, chance, known, name, depth + 1),
  ]);
  if (chance.percent(4)) made.push([hostileText(chance), anyValue(chance)]);
  return Object.fromEntries(made);
}

function entries(chance: Chance, value: () => unknown): Record<string, unknown> {
  return Object.fromEntries(
    Array.from({ length: chance.below(4) }, () => [chance.percent(50) ? hostileText(chance) : "a", value()]),
  );
}

/** Deep enough to overflow a stack that is walked by calling oneself. */
function nested(chance: Chance): unknown {
  let value: unknown = 1;
  for (let depth = 0; depth < 50 + chance.below(5000); depth++) value = chance.percent(50) ? [value] : { a: value };
  return value;
}

/** The value with one place of it changed, whatever it is: replaced, removed, doubled or renamed. */
export function mutated(value: unknown, chance: Chance): unknown {
  if (typeof value !== "object" || value === null) return anyValue(chance);
  if (Array.isArray(value)) {
    if (value.length === 0) return [anyValue(chance)];
    const at = chance.below(value.length);
    if (chance.percent(15)) return value.filter((_, index) => index !== at);
    if (chance.percent(10)) return [...value, ...value];
    return value.map((each, index) => (index === at ? mutated(each, chance) : each));
  }
  const all = Object.entries(value);
  if (all.length === 0) return { [hostileText(chance)]: anyValue(chance) };
  const at = chance.below(all.length);
  if (chance.percent(8)) return Object.fromEntries(all.filter((_, index) => index !== at));
  if (chance.percent(4))
    return Object.fromEntries(all.map(([key, each], index) => [index === at ? hostileText(chance) : key, each]));
  if (chance.percent(6))
    return Object.fromEntries(all.map(([key, each], index) => [key, index === at ? anyValue(chance) : each]));
  return Object.fromEntries(all.map(([key, each], index) => [key, index === at ? mutated(each, chance) : each]));
}
