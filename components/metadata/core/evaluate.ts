import type { Expression, Filter, Scalar } from "./filter.ts";

/** A row that a filter looks at: what each of its attributes holds. Absent is NULL. */
export type Row = Readonly<Record<string, Scalar | undefined>>;

/**
 * Does the filter let this node through? As upstream's SQL has it: every property and neighbour that the filter speaks of is joined,
 * so there must be one, and it is enough that one choice of them makes the condition true. `rowsOf` gives the rows of an alias.
 * Undefined if there are more choices than `patience`.
 */
export function matches(
  { condition, aliases }: Filter,
  node: Row,
  rowsOf: (alias: string) => readonly Row[],
  patience = 100_000,
): boolean | undefined {
  const joined = [...aliases.keys()].map((alias) => ({ alias, rows: rowsOf(alias) }));
  const choices = joined.reduce((product, { rows }) => product * rows.length, 1);
  if (choices > patience) return undefined;
  for (let choice = 0; choice < choices; choice++) {
    const chosen = new Map<string, Row>();
    let rest = choice;
    for (const { alias, rows } of joined) {
      chosen.set(alias, rows[rest % rows.length] ?? {});
      rest = Math.floor(rest / rows.length);
    }
    if (valueOf(condition, node, chosen) === true) return true;
  }
  return false;
}

function valueOf(expression: Expression, node: Row, chosen: ReadonlyMap<string, Row>): Scalar {
  const of = (inner: Expression): Scalar => valueOf(inner, node, chosen);
  switch (expression.is) {
    case "literal":
      return expression.value;
    case "field": {
      const row = expression.alias === undefined ? node : chosen.get(expression.alias);
      return row?.[expression.attribute] ?? null;
    }
    case "not":
      return negation(of(expression.operand));
    case "negative": {
      const value = of(expression.operand);
      return value === null ? null : -Number(value);
    }
    case "and":
      return conjunction(of(expression.left), () => of(expression.right));
    case "or":
      return negation(conjunction(negation(of(expression.left)), () => negation(of(expression.right))));
    case "compare":
      return compare(expression.operator, of(expression.left), of(expression.right));
    case "arithmetic": {
      const [left, right] = [of(expression.left), of(expression.right)];
      if (left === null || right === null) return null;
      return expression.operator === "+" ? Number(left) + Number(right) : Number(left) - Number(right);
    }
    case "in":
      return isAmong(of(expression.operand), expression.among.map(of));
    case "between": {
      const value = of(expression.operand);
      return conjunction(compare(">=", value, of(expression.from)), () => compare("<=", value, of(expression.to)));
    }
    case "like": {
      const [value, pattern] = [of(expression.operand), of(expression.pattern)];
      return value === null || pattern === null ? null : isLike(String(value), String(pattern));
    }
    case "null":
      return of(expression.operand) === null;
  }
}

/** SQL's three values: what is not known stays so, unless the other side decides. */
function conjunction(left: Scalar, right: () => Scalar): Scalar {
  if (left === false) return false;
  const other = right();
  if (other === false) return false;
  return left === null || other === null ? null : true;
}

const negation = (value: Scalar): Scalar => (value === null ? null : value !== true);

function compare(operator: string, left: Scalar, right: Scalar): Scalar {
  if (left === null || right === null) return null;
  switch (operator) {
    case "=":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    default:
      return left >= right;
  }
}

function isAmong(value: Scalar, among: readonly Scalar[]): Scalar {
  if (value === null) return null;
  if (among.includes(value)) return true;
  return among.includes(null) ? null : false;
}

/** `%` is any text, `_` one letter. In time that goes with the product of the lengths at worst. */
function isLike(text: string, pattern: string): boolean {
  let at = 0;
  let within = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const letter = pattern[within];
    if (letter === "%") {
      star = within++;
      resume = at;
    } else if (letter === "_" || (letter !== undefined && letter === text[at])) {
      at += 1;
      within += 1;
    } else if (star >= 0) {
      within = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[within] === "%") within += 1;
  return within === pattern.length;
}
