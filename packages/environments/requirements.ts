import type { EnvironmentRequest, PipInstall } from "@headrace/model";
import { EnvironmentError } from "./errors.ts";

const maxRequirements = 500;
const maxLength = 2000;

/**
 * Checks what a pod asks for before it reaches a command line. `trusted` says that the pods are the operator's own: others may
 * not make this process, which stands outside of every sandbox and may hold credentials, ask URLs of their choice. Throws
 * EnvironmentError `refused` naming the field.
 */
export function checkRequest(request: EnvironmentRequest, { trusted }: { readonly trusted: boolean }): void {
  const count = request.installs.reduce((sum, install) => sum + install.requirements.length, 0);
  if (count > maxRequirements) {
    throw refused("installs", `has ${count} requirements`, `Ask for at most ${maxRequirements}`);
  }
  for (const [index, install] of request.installs.entries()) {
    checkInstall(install, `installs[${index}]`);
    if (!trusted) refuseUrls(install, `installs[${index}]`);
  }
}

function checkInstall(install: PipInstall, field: string): void {
  for (const [index, requirement] of install.requirements.entries()) {
    checkLine(requirement, `${field}.requirements[${index}]`);
    if (isLocalPath(requirement)) {
      throw refused(
        `${field}.requirements[${index}]`,
        `"${requirement}" is a path, which exists only inside the step`,
        "Name a package or a URL",
      );
    }
  }
  const urls = [...(install.indexUrl === undefined ? [] : [install.indexUrl]), ...(install.extraIndexUrls ?? [])];
  for (const url of urls) {
    checkLine(url, `${field}.indexUrl`);
    if (!/^https?:\/\//.test(url)) {
      throw refused(`${field}.indexUrl`, `"${url}" is no http or https URL`, "Name the index by its URL");
    }
  }
  for (const host of install.trustedHosts ?? []) checkLine(host, `${field}.trustedHosts`);
}

function refuseUrls(install: PipInstall, field: string): void {
  const remedy = "The step's own pip may ask it, from within its sandbox";
  if (install.indexUrl !== undefined || (install.extraIndexUrls ?? []).length > 0) {
    throw refused(`${field}.indexUrl`, "is another index than this node's", remedy);
  }
  for (const [index, requirement] of install.requirements.entries()) {
    if (/:\/\/|@/.test(requirement.split(";")[0] ?? "")) {
      throw refused(`${field}.requirements[${index}]`, `"${requirement}" is a URL`, remedy);
    }
  }
}

function checkLine(text: string, field: string): void {
  if (text.length > maxLength) throw refused(field, `is ${text.length} characters long`, `Use at most ${maxLength}`);
  if (/[\0\r\n]/.test(text)) throw refused(field, "holds a line break", "Write one requirement for each entry");
  if (/^\s*-/.test(text) || /\s--\w/.test(text)) {
    throw refused(
      field,
      `"${text}" is an option, not a requirement`,
      "Use the fields indexUrl, extraIndexUrls, trustedHosts, noDeps",
    );
  }
  if (text.trim() === "") throw refused(field, "is empty", "Remove it or name a package");
}

/** A file URL or a path would be read from the host, outside of every sandbox. */
function isLocalPath(requirement: string): boolean {
  const reference = requirement.includes(" @ ")
    ? requirement.slice(requirement.indexOf(" @ ") + 3).trim()
    : requirement.trim();
  return (
    /^[./~]/.test(reference) ||
    /^(?:\w+\+)?file:/i.test(reference) ||
    (/[\\/]/.test(reference) && !/:\/\//.test(reference) && !/;/.test(reference))
  );
}

function refused(field: string, why: string, remedy: string): EnvironmentError {
  return new EnvironmentError("refused", `Cannot prepare the environment: ${field} ${why}`, remedy);
}

/** The normalised project name of a requirement (PEP 503), or undefined for a bare URL. */
export function projectName(requirement: string): string | undefined {
  const name = /^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:$|[[<>=!~;@\s(])/.exec(requirement)?.[1];
  return name?.toLowerCase().replaceAll(/[-_.]+/g, "-");
}

/** Whether the requirement can only ever mean one version. */
export function isPinned(requirement: string): boolean {
  return /===?\s*[^*\s;,]+\s*(?:;.*)?$/.test(requirement) && !/[<>!~,]/.test(requirement.split(";")[0] ?? "");
}
