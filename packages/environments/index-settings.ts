import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where packages come from, as pip is configured on this host. */
export interface IndexSettings {
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
  readonly findLinks: readonly string[];
  readonly trustedHosts: readonly string[];
  readonly noIndex: boolean;
  readonly prereleases: boolean;
  readonly constraints: readonly string[];
  readonly certificate?: string;
  readonly proxy?: string;
  readonly timeoutSeconds?: string;
}

export type Variables = Readonly<Record<string, string | undefined>>;

const fileLimit = 1 << 20;
const pipSections = new Set(["global", "download", "install"]);

/**
 * Reads pip's configuration files (site, system, user, PIP_CONFIG_FILE; later ones win) and the PIP_* variables, which win
 * over all of them, as pip does. Files that are missing or cannot be read count as empty.
 */
export async function readIndexSettings(variables: Variables): Promise<IndexSettings> {
  const settings = new Map<string, string>();
  for (const path of pipConfigFiles(variables)) {
    for (const [key, value] of parsePipConfig(await readSmall(path))) settings.set(key, value);
  }
  for (const [name, value] of Object.entries(variables)) {
    if (name.startsWith("PIP_") && value) settings.set(name.slice(4).toLowerCase().replaceAll("_", "-"), value);
  }
  const words = (key: string): string[] => (settings.get(key) ?? "").split(/\s+/).filter(Boolean);
  const optional = <K extends string>(key: K, setting: string): { [P in K]?: string } => {
    const value = settings.get(setting);
    return value ? ({ [key]: value } as { [P in K]?: string }) : {};
  };
  return {
    ...optional("indexUrl", "index-url"),
    extraIndexUrls: words("extra-index-url"),
    // pip only warns of a directory that is not there, uv fails.
    findLinks: words("find-links").filter((link) => link.includes("://") || existsSync(link)),
    trustedHosts: words("trusted-host"),
    noIndex: isTrue(settings.get("no-index")),
    prereleases: isTrue(settings.get("pre")),
    constraints: words("constraint"),
    ...optional("certificate", "cert"),
    ...optional("proxy", "proxy"),
    ...optional("timeoutSeconds", settings.has("timeout") ? "timeout" : "default-timeout"),
  };
}

function pipConfigFiles(variables: Variables): string[] {
  const home = variables["HOME"];
  const userConfig = variables["XDG_CONFIG_HOME"] ?? (home ? join(home, ".config") : undefined);
  const explicit = variables["PIP_CONFIG_FILE"];
  if (explicit === "/dev/null") return [];
  return [
    "/etc/xdg/pip/pip.conf",
    "/etc/pip.conf",
    ...(home ? [join(home, ".pip", "pip.conf")] : []),
    ...(userConfig ? [join(userConfig, "pip", "pip.conf")] : []),
    ...(explicit ? [explicit] : []),
  ];
}

async function readSmall(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).slice(0, fileLimit);
  } catch {
    return "";
  }
}

/** The INI dialect of pip: continuation lines are indented, `[global]` is overridden by the command's own section. */
function parsePipConfig(text: string): Map<string, string> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let key: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(?:[#;].*)?$/.test(line)) continue;
    const header = /^\[([^\]]+)\]/.exec(line);
    const setting = /^([\w-]+)\s*[=:]\s*(.*)$/.exec(line);
    if (header?.[1] !== undefined) {
      section = sections.get(header[1]) ?? new Map<string, string>();
      sections.set(header[1], section);
      key = undefined;
    } else if (/^\s/.test(line) && section !== undefined && key !== undefined) {
      section.set(key, `${section.get(key) ?? ""} ${line.trim()}`.trim());
    } else if (setting?.[1] !== undefined && section !== undefined) {
      key = setting[1].toLowerCase().replaceAll("_", "-");
      section.set(key, (setting[2] ?? "").trim());
    }
  }
  return new Map([...pipSections].flatMap((name) => [...(sections.get(name) ?? [])]));
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "true", "yes", "on", "y", "t"].includes(value.toLowerCase());
}
