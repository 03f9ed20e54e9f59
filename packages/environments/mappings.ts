import type { ImageMappingSpec } from "@headrace/model";
import { EnvironmentError } from "./errors.ts";

/** What an image stands for on this node. */
export interface Mapped {
  /** The glob that matched, or `built in`: for the event that tells the user. */
  readonly mapping: string;
  readonly python: PythonWish | undefined;
  readonly requirements: readonly string[];
}

/** `patch` is a preference: `3.11.7` runs on the host's 3.11 of another patch level, and the event says which. */
export interface PythonWish {
  /** `3.11`; undefined takes the newest that the host has. */
  readonly minor: string | undefined;
  readonly patch: string | undefined;
}

/** Distributions and runtimes that a host's own root stands in for: their commands are the host's. */
const bareImages = new Set(["alpine", "busybox", "ubuntu", "debian", "node"]);

/**
 * Finds the mapping of an image: the matching glob with the most literal characters, else a built-in one. Throws
 * EnvironmentError `unmapped` with the ImageMapping to apply.
 */
export function mapImage(image: string, mappings: readonly ImageMappingSpec[]): Mapped {
  const reference = shortReference(image);
  // A mapping without Python is the host's own root; one with requirements alone is refused when it is written.
  const own = mappings
    .filter((mapping) => matchesGlob(mapping.image, image) || matchesGlob(mapping.image, reference))
    .sort((one, other) => literalLength(other.image) - literalLength(one.image))[0];
  if (own !== undefined) {
    return {
      mapping: own.image,
      python: own.python === undefined ? undefined : parsePython(own.python),
      requirements: own.requirements ?? [],
    };
  }
  const builtIn = mapBuiltIn(reference);
  if (builtIn !== undefined) return builtIn;
  throw new EnvironmentError(
    "unmapped",
    `Cannot run image "${image}": no ImageMapping on this node says what it stands for`,
    mappingToApply(image, "3.11"),
  );
}

function mapBuiltIn(reference: string): Mapped | undefined {
  const [name = "", tag = "latest"] = reference.split(":");
  if (bareImages.has(name)) return { mapping: "built in", python: undefined, requirements: [] };
  if (name !== "python") return undefined;
  const version = /^(\d+)(?:\.(\d+)(?:\.(\d+))?)?(?![.\d])/.exec(tag);
  return {
    mapping: "built in",
    python: version === null ? { minor: undefined, patch: undefined } : wish(version),
    requirements: [],
  };
}

function parsePython(text: string): PythonWish {
  const version = /^(\d+)(?:\.(\d+)(?:\.(\d+))?)?$/.exec(text);
  if (version === null) {
    throw new EnvironmentError(
      "no-python",
      `Cannot use the ImageMapping: spec.python is "${text}", which is no version`,
      "Write it as 3.11",
    );
  }
  return wish(version);
}

function wish([, major, minor, patch]: RegExpExecArray): PythonWish {
  if (minor === undefined) return { minor: undefined, patch: undefined };
  return { minor: `${major}.${minor}`, patch: patch === undefined ? undefined : `${major}.${minor}.${patch}` };
}

/** The manifest that makes an image known, ready for `kubectl apply`. */
export function mappingToApply(image: string, python: string): string {
  const name =
    shortReference(image)
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "")
      .slice(0, 60) || "image";
  return [
    "Say what the image stands for, as an administrator:",
    "  kubectl apply -f - <<EOF",
    "  apiVersion: headrace.io/v1alpha1",
    "  kind: ImageMapping",
    `  metadata: {name: ${name}}`,
    "  spec:",
    `    image: ${JSON.stringify(withoutDigest(image))}`,
    `    python: ${JSON.stringify(python)}`,
    "    requirements: []",
    "  EOF",
  ].join("\n");
}

function withoutDigest(image: string): string {
  return image.replace(/@[a-z0-9]+:[0-9a-f]+$/i, "");
}

/** Docker's short form: `docker.io/library/python:3.11@sha256:…` is `python:3.11`, and so is Amazon's public copy of it. */
function shortReference(image: string): string {
  return withoutDigest(image).replace(/^(?:(?:index\.)?docker\.io\/|public\.ecr\.aws\/docker\/)?(?:library\/)?/, "");
}

/** `*` stands for any characters. A glob without a tag matches every tag. */
function matchesGlob(glob: string, reference: string): boolean {
  const whole = /:[^/]*$/.test(glob) || glob.endsWith("*") ? glob : `${glob}:*`;
  const subject = /:[^/]*$/.test(withoutDigest(reference))
    ? withoutDigest(reference)
    : `${withoutDigest(reference)}:latest`;
  const pattern = whole
    .split("*")
    .map((part) => RegExp.escape(part))
    .join(".*");
  return new RegExp(`^${pattern}$`, "s").test(subject);
}

function literalLength(glob: string): number {
  return glob.replaceAll("*", "").length;
}
