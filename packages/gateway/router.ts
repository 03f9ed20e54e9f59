import { badRequest, type RouteParams } from "@headrace/model";
import { RouteError } from "./errors.ts";

export interface Pattern {
  readonly method: string;
  /** `{name}` matches within one segment, also before a literal verb (`/runs/{id}:archive`); `{name...}` the rest of the path. */
  readonly pattern: string;
}

export interface Router<T extends Pattern> {
  /** The route with its decoded parameters; or the methods that this path has; or undefined where there is no such path. */
  find(method: string, path: string): Found<T> | { readonly allow: readonly string[] } | undefined;
}

interface Found<T> {
  readonly route: T;
  readonly params: RouteParams;
}

interface Branch<T> {
  readonly literals: Map<string, Branch<T>>;
  readonly placeholders: Placeholder<T>[];
  /** By method. */
  readonly routes: Map<string, Ending<T>>;
  readonly rests: Map<string, Ending<T>>;
}

interface Placeholder<T> {
  readonly prefix: string;
  readonly suffix: string;
  readonly branch: Branch<T>;
}

interface Ending<T> {
  readonly route: T;
  readonly names: readonly string[];
}

/**
 * Finds routes segment by segment, so that the cost goes with the length of the path. A literal goes before a placeholder, a
 * placeholder with more letters around it before one with fewer, and the rest of a path comes last. Throws RouteError for two routes
 * with the same method and shape.
 */
export function createRouter<T extends Pattern>(routes: readonly T[]): Router<T> {
  const root = newBranch<T>();
  for (const route of routes) add(root, route);

  return {
    find(method, path) {
      const segments = path.split("/").slice(1);
      const endings = match(root, segments, []);
      if (!endings) return undefined;
      const asked = method === "HEAD" && !endings.byMethod.has("HEAD") ? "GET" : method;
      const ending = endings.byMethod.get(asked);
      if (!ending) return { allow: [...endings.byMethod.keys()].toSorted() };
      return { route: ending.route, params: paramsOf(ending.names, endings.values) };
    },
  };
}

function newBranch<T>(): Branch<T> {
  return { literals: new Map(), placeholders: [], routes: new Map(), rests: new Map() };
}

function add<T extends Pattern>(root: Branch<T>, route: T): void {
  const names: string[] = [];
  let branch = root;
  const segments = route.pattern.split("/").slice(1);
  for (const [index, segment] of segments.entries()) {
    const rest = /^\{(\w+)\.\.\.\}$/.exec(segment)?.[1];
    if (rest !== undefined && index === segments.length - 1) {
      put(branch.rests, route, [...names, rest]);
      return;
    }
    const [, prefix = "", name, suffix = ""] = /^([^{}]*)\{(\w+)\}([^{}]*)$/.exec(segment) ?? [];
    if (name !== undefined) {
      names.push(name);
      branch = placeholderOf(branch, prefix, suffix);
    } else if (/[{}]/.test(segment)) {
      throw new RouteError(`Cannot route ${route.pattern}: ${segment} is neither a literal nor one placeholder`);
    } else branch = literalOf(branch, segment);
  }
  put(branch.routes, route, names);
}

function put<T extends Pattern>(endings: Map<string, Ending<T>>, route: T, names: readonly string[]): void {
  const other = endings.get(route.method);
  if (other) {
    throw new RouteError(
      `Cannot route ${route.method} ${route.pattern}: ${other.route.pattern} takes these requests already`,
    );
  }
  endings.set(route.method, { route, names });
}

function literalOf<T>(branch: Branch<T>, literal: string): Branch<T> {
  const next = branch.literals.get(literal) ?? newBranch<T>();
  branch.literals.set(literal, next);
  return next;
}

function placeholderOf<T>(branch: Branch<T>, prefix: string, suffix: string): Branch<T> {
  const known = branch.placeholders.find((each) => each.prefix === prefix && each.suffix === suffix);
  if (known) return known.branch;
  const added = { prefix, suffix, branch: newBranch<T>() };
  branch.placeholders.push(added);
  branch.placeholders.sort((a, b) => b.prefix.length + b.suffix.length - (a.prefix.length + a.suffix.length));
  return added.branch;
}

interface Matched<T> {
  readonly byMethod: ReadonlyMap<string, Ending<T>>;
  readonly values: readonly string[];
}

function match<T>(branch: Branch<T>, segments: readonly string[], values: readonly string[]): Matched<T> | undefined {
  const [segment, ...others] = segments;
  if (segment === undefined) return branch.routes.size > 0 ? { byMethod: branch.routes, values } : undefined;
  const literal = branch.literals.get(segment);
  const found = literal && match(literal, others, values);
  if (found) return found;
  for (const { prefix, suffix, branch: next } of branch.placeholders) {
    const value = within(segment, prefix, suffix);
    const below = value === undefined ? undefined : match(next, others, [...values, value]);
    if (below) return below;
  }
  return branch.rests.size > 0 ? { byMethod: branch.rests, values: [...values, segments.join("/")] } : undefined;
}

function within(segment: string, prefix: string, suffix: string): string | undefined {
  const isThere = segment.startsWith(prefix) && segment.endsWith(suffix);
  return isThere && segment.length > prefix.length + suffix.length
    ? segment.slice(prefix.length, segment.length - suffix.length)
    : undefined;
}

function paramsOf(names: readonly string[], values: readonly string[]): RouteParams {
  return Object.fromEntries(names.map((name, index) => [name, decode(values[index] ?? "")]));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw badRequest(`Cannot read ${JSON.stringify(text)} in the request's path: it is not percent-encoded UTF-8`, {
      cause: error,
    });
  }
}
