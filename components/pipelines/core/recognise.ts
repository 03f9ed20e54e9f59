import { createHash } from "node:crypto";
import type { EnvironmentRequest, PipInstall, WarmEntry } from "@headrace/model";

/** A step that a warm interpreter may run, and the packages that it needs to be there. */
export interface Recognised {
  readonly entry: WarmEntry;
  readonly environment: EnvironmentRequest;
}

const program = squeeze(`program_path=$(mktemp -d)
printf "%s" "$0" > "$program_path/ephemeral_component.py"
_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"`);

const pipGuard = squeeze(`if ! [ -x "$(command -v pip)" ]; then
python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip
fi`);

/**
 * What `use_venv=True` puts before the installation of the SDK: a virtual environment of the step's own. The one that we prepare is
 * nobody else's, so it stands for both.
 */
const venv = squeeze(`export PIP_DISABLE_PIP_VERSION_CHECK=1
tmp=$(mktemp -d)
python3 -m venv "$tmp/venv" --system-site-packages
. "$tmp/venv/bin/activate"`);

const runTheRest = `"$0" "$@"`;

/**
 * Whether a resolved command is what KFP's compiler writes for a lightweight Python component, and nothing else:
 * `[sh -c PRELUDE] sh -ec PROGRAM SOURCE --executor_input JSON --function_to_execute NAME`. One word that is not known, and the
 * answer is undefined: the step then takes the ordinary path, where it means what its shell makes of it.
 */
export function recognise(command: readonly string[], args: readonly string[]): Recognised | undefined {
  const words = [...command, ...args];
  const installs = words[1] === "-c" ? readPrelude(words) : [];
  if (!installs) return undefined;
  const start = words[1] === "-c" ? 3 : 0;
  const [shell, flags, text, source, ...rest] = words.slice(start);
  if (shell !== "sh" || flags !== "-ec" || squeeze(text ?? "") !== program || source === undefined) return undefined;
  if (rest.length !== 4 || rest[0] !== "--executor_input" || rest[2] !== "--function_to_execute") return undefined;
  const commandDigest = createHash("sha256").update(JSON.stringify(words)).digest("hex");
  return {
    entry: { kind: "kfp-executor", commandDigest, sourceIndex: start + 3, argumentsIndex: start + 4 },
    environment: { installs },
  };
}

function readPrelude(words: readonly string[]): readonly PipInstall[] | undefined {
  if (words[0] !== "sh") return undefined;
  let text = squeeze(words[2] ?? "");
  if (text.startsWith(pipGuard)) text = text.slice(pipGuard.length).trimStart();
  text = text.replace(`${venv} `, "");
  if (text === runTheRest) return [];
  const ending = `&& ${runTheRest}`;
  if (!text.endsWith(ending)) return undefined;
  const commands = splitCommands(text.slice(0, -ending.length));
  const installs = commands?.map(readInstall);
  return installs?.every((install) => install !== undefined) ? installs : undefined;
}

const pip = ["python3", "-m", "pip", "install"];

function readInstall(words: readonly string[]): PipInstall | undefined {
  const command = words[0] === "PIP_DISABLE_PIP_VERSION_CHECK=1" ? words.slice(1) : words;
  if (!pip.every((word, index) => command[index] === word)) return undefined;
  const requirements: string[] = [];
  const indexUrls: string[] = [];
  const extraIndexUrls: string[] = [];
  const trustedHosts: string[] = [];
  let noDeps = false;
  const rest = command.slice(pip.length);
  const lists: Readonly<Record<string, string[]>> = {
    "--index-url": indexUrls,
    "--extra-index-url": extraIndexUrls,
    "--trusted-host": trustedHosts,
  };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const list = lists[word];
    if (list) {
      const value = rest.shift();
      if (value === undefined || value.startsWith("-")) return undefined;
      list.push(value);
    } else if (word === "--no-deps") noDeps = true;
    else if (isRequirement(word)) requirements.push(word);
    else if (word !== "--quiet" && word !== "--no-warn-script-location") return undefined;
  }
  const indexUrl = indexUrls.at(-1);
  if (requirements.length === 0) return undefined;
  return {
    requirements,
    ...(indexUrl !== undefined && { indexUrl }),
    ...(extraIndexUrls.length > 0 && { extraIndexUrls }),
    ...(trustedHosts.length > 0 && { trustedHosts }),
    ...(noDeps && { noDeps }),
  };
}

/** A name with extras, versions and markers. Paths and URLs are left to pip itself. */
function isRequirement(word: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9._,\s-]*\])?\s*(?:[<>=!~][^@/\\]*)?(?:;[^\\/]*)?$/.test(word);
}

/**
 * Commands joined by `&&`, each as its words, by the shell's rules for quotes. Undefined if anything in it would mean more to a
 * shell than the characters themselves.
 */
function splitCommands(text: string): string[][] | undefined {
  const commands: string[][] = [[]];
  const token = /\s*(?:(&&)|((?:'[^']*'|"[^"$`\\!]*"|[A-Za-z0-9_./:=@%+,-])+))(?=\s|&&|$)/y;
  const source = text.trim();
  while (token.lastIndex < source.length) {
    const match = token.exec(source);
    if (!match) return undefined;
    const [, and, word = ""] = match;
    if (and) commands.push([]);
    else
      commands
        .at(-1)
        ?.push(word.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ""));
  }
  return commands;
}

/** White space does not matter between the words of the texts that we compare, and they hold no quoted blanks that do. */
function squeeze(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}
