/** The parts of `docs/reference` that are written from definitions: from the command line's, and from what a server says that it serves. */
import type { createProgram } from "../apps/cli/program.ts";
import { markdownTable } from "./markdown-table.ts";

type Command = ReturnType<typeof createProgram>;
type Option = Command["options"][number];
type Argument = Command["registeredArguments"][number];

/** `docs/reference/command-line.md`, whole. */
export function commandLinePage(program: Command): string {
  return [
    "# Command line",
    "",
    "<!-- Written by `npm run reference` from apps/cli/program.ts: change that, not this page. -->",
    "",
    "`headrace` is in `node_modules/.bin` of a checkout. Results go to standard output, everything about them to standard error.",
    "The exit status is 0 for success, 1 for a failure or a failed run, 3 for `status` if nothing runs. `HEADRACE_HOME` names",
    "the data directory (else `~/.headrace`), `HEADRACE_CACHE` that of environments (else `~/.cache/headrace`),",
    "`CRON_SCHEDULE_TIMEZONE` the time zone of cron expressions (else UTC).",
    "",
    "## Options of every command",
    "",
    ...optionLines(program.options),
    "",
    ...program.commands.flatMap(commandSection),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

function commandSection(command: Command): readonly string[] {
  return sectionOf(command, command.name(), "##");
}

/** A group of commands, such as `runs`, has a section for each of them below its own. */
function sectionOf(command: Command, name: string, mark: string): readonly string[] {
  const words = command.registeredArguments.map(argumentWord);
  const options = command.options.length > 0 ? ["[options]"] : [];
  const example = exampleOf(command);
  const usage = command.commands.length > 0 ? [] : [`\`headrace ${[name, ...options, ...words].join(" ")}\``, ""];
  return [
    `${mark} ${name}`,
    "",
    ...usage,
    `${command.description()}.`,
    "",
    ...(command.options.length > 0 ? [...optionLines(command.options), ""] : []),
    ...(example === undefined ? [] : ["```sh", example, "```", ""]),
    ...command.commands.flatMap((inner) => sectionOf(inner, `${name} ${inner.name()}`, `${mark}#`)),
  ];
}

function argumentWord(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionLines(options: readonly Option[]): readonly string[] {
  return options.map(({ flags, description, argChoices, defaultValue }) => {
    const choices = argChoices === undefined ? "" : `: ${argChoices.map((choice) => `\`${choice}\``).join(" or ")}`;
    const standard =
      typeof defaultValue === "string" || typeof defaultValue === "number" ? ` (default: \`${defaultValue}\`)` : "";
    return `- \`${flags}\` ${description}${choices}${standard}`;
  });
}

/** The line after `Example:` in the command's help. */
function exampleOf(command: Command): string | undefined {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  return /\nExample:\n\s*(.+)/.exec(help)?.[1]?.trim();
}

/** As `/apis/<group>/<version>` and `/api/v1` answer. */
export interface ResourceList {
  readonly groupVersion: string;
  readonly resources: readonly {
    readonly name: string;
    readonly namespaced: boolean;
    readonly kind: string;
    readonly verbs: readonly string[];
    readonly shortNames?: readonly string[];
  }[];
}

/** The table of kinds in `docs/reference/kubernetes-api.md`; what is below their objects is left out. */
export function kindsTable(lists: readonly ResourceList[]): string {
  const rows = lists.flatMap(({ groupVersion, resources }) =>
    resources
      .filter(({ name }) => !name.includes("/"))
      .map(({ name, kind, namespaced, verbs, shortNames }) => {
        const short = shortNames === undefined ? "" : ` (\`${shortNames.join("`, `")}\`)`;
        return [kind, groupVersion, `\`${name}\`${short}`, namespaced ? "yes" : "no", allowed(verbs)];
      }),
  );
  return markdownTable(["kind", "API", "name (short)", "namespaced", "verbs"], rows);
}

function allowed(verbs: readonly string[]): string {
  return verbs.length === everyVerb ? "all" : verbs.toSorted().join(", ");
}

/** create, delete, deletecollection, get, list, patch, update, watch */
const everyVerb = 8;

/** The parts of an OpenAPI v3 schema that a reader needs. */
export interface FieldSchema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly items?: FieldSchema;
  readonly additionalProperties?: FieldSchema | boolean;
}

/** The fields of one of our own kinds, those of `metadata` left out. */
export function fieldsTable(schema: FieldSchema): string {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...own } = schema.properties ?? {};
  const rows = Object.entries(own).flatMap(([name, field]) =>
    fieldRows(name, field, schema.required?.includes(name) === true),
  );
  return markdownTable(["field", "type", ""], rows);
}

function fieldRows(path: string, field: FieldSchema, required: boolean): readonly (readonly string[])[] {
  const inner = field.properties ?? field.items?.properties;
  if (inner !== undefined) {
    const needed = (field.properties === undefined ? field.items?.required : field.required) ?? [];
    const prefix = field.properties === undefined ? `${path}[]` : path;
    return Object.entries(inner).flatMap(([name, each]) =>
      fieldRows(`${prefix}.${name}`, each, needed.includes(name) && required),
    );
  }
  const says = [
    ...(required ? [] : ["optional"]),
    ...(field.enum === undefined ? [] : [field.enum.join(", ")]),
    ...(field.pattern === undefined ? [] : [`matches \`${field.pattern}\``]),
    ...(field.description === undefined ? [] : [field.description]),
  ];
  return [[`\`${path}\``, typeName(field), says.join(" · ")]];
}

function typeName(field: FieldSchema): string {
  if (field.type === "array") return `list of ${field.items === undefined ? "anything" : typeName(field.items)}`;
  if (typeof field.additionalProperties === "object") return `map of ${typeName(field.additionalProperties)}`;
  if (field.format === "date-time") return "time";
  return field.type ?? "anything";
}

/** Replaces what stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. Throws RangeError if the page has no such place. */
export function replacePart(page: string, name: string, text: string): string {
  const begin = `<!-- begin: ${name} -->`;
  const end = `<!-- end: ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new RangeError(`The page has no place for "${name}": write ${begin} and ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** Asks a server for one document, as JSON. */
export type Ask = (path: string) => Promise<unknown>;

/** `docs/reference/kubernetes-api.md` with what the server that is asked says of itself. */
export async function kubernetesPage(page: string, ask: Ask): Promise<string> {
  const { groups } = (await ask("/apis")) as { groups: readonly { preferredVersion: { groupVersion: string } }[] };
  const paths = ["/api/v1", ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const lists = (await Promise.all(paths.map(ask))) as readonly ResourceList[];
  const { components } = (await ask("/openapi/v3/apis/headrace.io/v1alpha1")) as {
    components: { schemas: Readonly<Record<string, FieldSchema>> };
  };
  const ours = Object.entries(components.schemas).filter(([name]) => name.startsWith("io.headrace."));
  const fields = ours.map(([name, schema]) => `### ${name.split(".").at(-1)}\n\n${fieldsTable(schema)}`);
  return replacePart(replacePart(page, "kinds", kindsTable(lists)), "fields", fields.join("\n\n"));
}
