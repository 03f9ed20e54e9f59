import { FilterError } from "./errors.ts";
import { artifactStates, eventTypes, executionStates } from "./messages.ts";

/** The kinds of node that a filter can choose from. */
export type NodeKind = "artifact" | "execution" | "context";

export type Scalar = string | number | boolean | null;

/** What stands in a filter for another row beside the node: one of its properties, or one of its neighbours. */
export type Alias =
  | { readonly of: "property"; readonly custom: boolean; readonly name: string }
  | { readonly of: Neighbour };

export type Neighbour = "contexts" | "artifacts" | "executions" | "parent_contexts" | "child_contexts" | "events";

export type Expression =
  | { readonly is: "literal"; readonly value: Scalar }
  /** `alias` is the key in `Filter.aliases`; the node's own attribute where there is none. */
  | { readonly is: "field"; readonly alias?: string; readonly attribute: string }
  | { readonly is: "not" | "negative"; readonly operand: Expression }
  | { readonly is: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly is: "compare"; readonly operator: Comparison; readonly left: Expression; readonly right: Expression }
  | { readonly is: "arithmetic"; readonly operator: "+" | "-"; readonly left: Expression; readonly right: Expression }
  | { readonly is: "in"; readonly operand: Expression; readonly among: readonly Expression[] }
  | { readonly is: "between"; readonly operand: Expression; readonly from: Expression; readonly to: Expression }
  | { readonly is: "like"; readonly operand: Expression; readonly pattern: Expression }
  | { readonly is: "null"; readonly operand: Expression };

type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

export interface Filter {
  readonly condition: Expression;
  readonly aliases: ReadonlyMap<string, Alias>;
}

/** What a value is. The words of an enum may be compared with that enum only. */
type Type = "number" | "text" | "boolean" | "null" | readonly string[];

interface Typed {
  readonly expression: Expression;
  readonly type: Type;
}

type Attributes = Readonly<Record<string, Type>>;

const nodeAttributes: Attributes = {
  id: "number",
  type_id: "number",
  type: "text",
  name: "text",
  external_id: "text",
  create_time_since_epoch: "number",
  last_update_time_since_epoch: "number",
};
const attributesOf: Readonly<Record<NodeKind, Attributes>> = {
  artifact: { ...nodeAttributes, uri: "text", state: artifactStates },
  execution: { ...nodeAttributes, last_known_state: executionStates },
  context: nodeAttributes,
};
const propertyAttributes: Attributes = {
  int_value: "number",
  double_value: "number",
  string_value: "text",
  bool_value: "boolean",
};
const relatives: Attributes = { id: "number", name: "text", type: "text" };
const eventAttributes: Attributes = { type: eventTypes, milliseconds_since_epoch: "number" };

const neighboursOf: Readonly<Record<NodeKind, Partial<Readonly<Record<Neighbour, Attributes>>>>> = {
  artifact: { contexts: nodeAttributes, events: { ...eventAttributes, execution_id: "number" } },
  execution: { contexts: nodeAttributes, events: { ...eventAttributes, artifact_id: "number" } },
  context: {
    artifacts: attributesOf.artifact,
    executions: attributesOf.execution,
    parent_contexts: relatives,
    child_contexts: relatives,
  },
};

const longestQuery = 65_536;
const deepest = 100;
const mostAliases = 32;

/**
 * Reads ML Metadata's filter language: boolean expressions in SQL over a node's attributes, properties and neighbours. Knows what
 * each name is, and refuses to compare what cannot be equal. Throws FilterError.
 */
export function parseFilter(kind: NodeKind, text: string): Filter {
  if (text.length > longestQuery) throw new FilterError(`it has more than ${longestQuery} characters`, longestQuery);
  return new Parser(kind, text).filter();
}

const comparisons: readonly Comparison[] = ["<=", ">=", "!=", "=", "<", ">"];

class Parser {
  readonly #kind: NodeKind;
  readonly #text: string;
  readonly #aliases = new Map<string, Alias>();
  #at = 0;
  #depth = 0;

  constructor(kind: NodeKind, text: string) {
    this.#kind = kind;
    this.#text = text;
  }

  filter(): Filter {
    const whole = this.#or();
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail(`Syntax error: unexpected ${JSON.stringify(this.#text[this.#at])}`);
    return { condition: this.#boolean(whole), aliases: this.#aliases };
  }

  #or(): Typed {
    let left = this.#and();
    while (this.#word("OR")) left = this.#joined("or", left, this.#and());
    return left;
  }

  #and(): Typed {
    let left = this.#not();
    while (this.#word("AND")) left = this.#joined("and", left, this.#not());
    return left;
  }

  #joined(is: "and" | "or", left: Typed, right: Typed): Typed {
    return { expression: { is, left: this.#boolean(left), right: this.#boolean(right) }, type: "boolean" };
  }

  #not(): Typed {
    return this.#deeper(() => {
      if (!this.#word("NOT")) return this.#predicate();
      return { expression: { is: "not", operand: this.#boolean(this.#not()) }, type: "boolean" };
    });
  }

  #predicate(): Typed {
    const left = this.#sum();
    const operator = this.#symbol("<>") ? "!=" : comparisons.find((each) => this.#symbol(each));
    if (operator) {
      const right = this.#comparable(left);
      return truth({ is: "compare", operator, left: left.expression, right });
    }
    if (this.#word("IS")) {
      const negated = this.#word("NOT");
      this.#expectWord("NULL");
      return truth({ is: "null", operand: left.expression }, negated);
    }
    const negated = this.#word("NOT");
    if (this.#word("IN")) return truth(this.#in(left), negated);
    if (this.#word("LIKE")) {
      this.#agree(left, { expression: left.expression, type: "text" });
      return truth({ is: "like", operand: left.expression, pattern: this.#comparable(left) }, negated);
    }
    if (this.#word("BETWEEN")) {
      const from = this.#comparable(left);
      this.#expectWord("AND");
      return truth({ is: "between", operand: left.expression, from, to: this.#comparable(left) }, negated);
    }
    if (negated) this.#fail("Syntax error: NOT stands before IN, LIKE or BETWEEN here");
    return left;
  }

  #in(left: Typed): Expression {
    if (!this.#symbol("(")) this.#fail("Syntax error: IN takes a list of values in parentheses");
    const among: Expression[] = [];
    do among.push(this.#comparable(left));
    while (this.#symbol(","));
    if (!this.#symbol(")")) this.#fail("Syntax error: the list after IN is not closed");
    return { is: "in", operand: left.expression, among };
  }

  /** The other side of a comparison: an enum's word, or a value of the same type. */
  #comparable(left: Typed): Expression {
    if (typeof left.type !== "string") {
      const at = this.#at;
      const word = this.#identifier();
      if (word !== undefined && left.type.includes(word)) return { is: "literal", value: word };
      this.#at = at;
      this.#fail(`Unsupported enum value: it must be one of ${left.type.join(", ")}, without quotes`);
    }
    const right = this.#sum();
    this.#agree(left, right);
    return right.expression;
  }

  #sum(): Typed {
    let left = this.#signed();
    for (;;) {
      const operator = this.#symbol("+") ? "+" : this.#symbol("-") ? "-" : undefined;
      if (!operator) return left;
      const right = this.#signed();
      for (const side of [left, right]) this.#agree(side, { expression: side.expression, type: "number" });
      left = {
        expression: { is: "arithmetic", operator, left: left.expression, right: right.expression },
        type: "number",
      };
    }
  }

  #signed(): Typed {
    return this.#deeper(() => {
      if (!this.#symbol("-")) return this.#primary();
      const operand = this.#signed();
      this.#agree(operand, { expression: operand.expression, type: "number" });
      return { expression: { is: "negative", operand: operand.expression }, type: "number" };
    });
  }

  #primary(): Typed {
    if (this.#symbol("(")) {
      const inner = this.#or();
      if (!this.#symbol(")")) this.#fail("Syntax error: a parenthesis is not closed");
      return inner;
    }
    const quote = this.#text[this.#at];
    if (quote === "'" || quote === '"')
      return { expression: { is: "literal", value: this.#quoted(quote) }, type: "text" };
    const number = this.#match(/\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?/iy);
    if (number !== undefined) return { expression: { is: "literal", value: Number(number) }, type: "number" };
    for (const [word, value] of [
      ["TRUE", true],
      ["FALSE", false],
      ["NULL", null],
    ] as const) {
      if (this.#word(word)) {
        return { expression: { is: "literal", value }, type: value === null ? "null" : "boolean" };
      }
    }
    return this.#field();
  }

  #field(): Typed {
    const at = this.#at;
    const name = this.#identifier();
    if (name === undefined) {
      this.#fail(
        at >= this.#text.length
          ? "Syntax error: Unexpected end of expression"
          : "Syntax error: a name or a value is expected",
      );
    }
    if (name === "properties" || name === "custom_properties") return this.#property(name, at);
    const own = attributesOf[this.#kind];
    if (Object.hasOwn(own, name)) {
      this.#refuseDot();
      return { expression: { is: "field", attribute: name }, type: own[name] ?? "null" };
    }
    const [, neighbour = ""] =
      /^(contexts|artifacts|executions|parent_contexts|child_contexts|events)_\w+$/.exec(name) ?? [];
    const attributes = neighboursOf[this.#kind][neighbour as Neighbour];
    if (!attributes || !this.#dot()) throw new FilterError(`Unrecognized name: ${name}`, at);
    const attribute = this.#segment();
    const type = Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
    if (type === undefined) throw new FilterError(`Field name ${attribute} does not exist in ${name}`, at);
    this.#refuseDot();
    this.#remember(name, { of: neighbour as Neighbour });
    return { expression: { is: "field", alias: name, attribute }, type };
  }

  #property(which: "properties" | "custom_properties", at: number): Typed {
    if (!this.#dot()) throw new FilterError(`Unrecognized name: ${which}`, at);
    const name = this.#segment();
    if (!this.#dot())
      throw new FilterError(
        `Unrecognized name: ${which}.${name}: say which value, as in ${which}.${name}.int_value`,
        at,
      );
    const attribute = this.#segment();
    const type = Object.hasOwn(propertyAttributes, attribute) ? propertyAttributes[attribute] : undefined;
    if (type === undefined) throw new FilterError(`Field name ${attribute} does not exist in ${which}.${name}`, at);
    this.#refuseDot();
    const alias = `${which}.${name}`;
    this.#remember(alias, { of: "property", custom: which === "custom_properties", name });
    return { expression: { is: "field", alias, attribute }, type };
  }

  #remember(key: string, alias: Alias): void {
    this.#aliases.set(key, alias);
    if (this.#aliases.size > mostAliases) this.#fail(`it speaks of more than ${mostAliases} properties and neighbours`);
  }

  #dot(): boolean {
    if (this.#text[this.#at] !== ".") return false;
    this.#at += 1;
    return true;
  }

  #refuseDot(): void {
    if (this.#text[this.#at] === ".") this.#fail("Cannot access a field of a value");
  }

  /** What follows a dot: a name, which may begin with a digit, or anything in backquotes. */
  #segment(): string {
    const plain = this.#match(/\w+/y, false);
    if (plain !== undefined) return plain;
    const quoted = this.#match(/`[^`]+`/y, false);
    if (quoted !== undefined) return quoted.slice(1, -1);
    return this.#fail("Syntax error: Unexpected end of expression");
  }

  #quoted(quote: "'" | '"'): string {
    let value = "";
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const letter = this.#text[at] ?? "";
      if (letter === quote) {
        this.#at = at + 1;
        return value;
      }
      value += letter === "\\" ? escaped(this.#text[++at] ?? "") : letter;
    }
    return this.#fail("Syntax error: Unclosed string literal");
  }

  #boolean({ expression, type }: Typed): Expression {
    if (type !== "boolean" && type !== "null") this.#fail("it is not a valid boolean expression");
    return expression;
  }

  #agree(left: Typed, right: Typed): void {
    if (left.type === right.type || left.type === "null" || right.type === "null") return;
    this.#fail(`No matching signature for operator for argument types: ${nameOf(left.type)}, ${nameOf(right.type)}`);
  }

  #deeper<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > deepest) this.#fail(`it is nested more than ${deepest} levels deep`);
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #identifier(): string | undefined {
    return this.#match(/[A-Za-z_]\w*/y);
  }

  #word(word: string): boolean {
    const at = this.#at;
    if (this.#identifier()?.toUpperCase() === word) return true;
    this.#at = at;
    this.#skipBlanks();
    return false;
  }

  #expectWord(word: string): void {
    if (!this.#word(word)) this.#fail(`Syntax error: ${word} is expected`);
  }

  #symbol(symbol: string): boolean {
    this.#skipBlanks();
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    this.#skipBlanks();
    return true;
  }

  #match(pattern: RegExp, blanks = true): string | undefined {
    if (blanks) this.#skipBlanks();
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }

  #fail(what: string): never {
    throw new FilterError(what, this.#at);
  }
}

function truth(expression: Expression, negated = false): Typed {
  return { expression: negated ? { is: "not", operand: expression } : expression, type: "boolean" };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
const escaped = (letter: string): string => escapes[letter] ?? letter;

function nameOf(type: Type): string {
  return typeof type === "string" ? type : "enum";
}

/**
 * Values that fields must have in every node that the filter lets through, by the field's path: `id`, `contexts.name`,
 * `custom_properties.parent_dag_id.int_value`. Whoever looks for nodes may leave out all others; the filter still has the last word.
 */
export function requiredValues({ condition, aliases }: Filter): ReadonlyMap<string, readonly Scalar[]> {
  const required = new Map<string, readonly Scalar[]>();
  const note = (field: Expression, values: readonly Expression[]): void => {
    if (field.is !== "field" || !values.every(isLiteral)) return;
    const alias = field.alias === undefined ? undefined : aliases.get(field.alias);
    const prefix = alias === undefined ? "" : `${alias.of === "property" ? field.alias : alias.of}.`;
    const path = `${prefix}${field.attribute}`;
    if (!required.has(path))
      required.set(
        path,
        values.map(({ value }) => value),
      );
  };
  const visit = (expression: Expression): void => {
    if (expression.is === "and") {
      visit(expression.left);
      visit(expression.right);
    } else if (expression.is === "in") note(expression.operand, expression.among);
    else if (expression.is === "compare" && expression.operator === "=") {
      note(expression.left, [expression.right]);
      note(expression.right, [expression.left]);
    }
  };
  visit(condition);
  return required;
}

function isLiteral(expression: Expression): expression is Extract<Expression, { is: "literal" }> {
  return expression.is === "literal";
}
