import { realpathSync } from "node:fs";
import { ContainerConfigError, UnsupportedError } from "./errors.ts";

/** A directory of the host that pods may mount by `hostPath`: `--share DIR[:ro]`. */
export interface Share {
  readonly path: string;
  readonly readOnly: boolean;
}

/** A place on this machine that a pod may have. */
export interface HostPlace {
  readonly path: string;
  readonly readOnly: boolean;
}

/**
 * Only what the person who started Headrace shares, links resolved on both sides. `field` is where the path was asked for.
 * Throws ContainerConfigError for what is not there, UnsupportedError for what is not shared.
 */
export function sharedPath(field: string, path: string, shares: readonly Share[]): HostPlace {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    throw new ContainerConfigError("FailedMount", `${field}: ${path} is not there`);
  }
  const share = shares.find((candidate) => real === candidate.path || real.startsWith(`${candidate.path}/`));
  if (share === undefined) {
    throw new UnsupportedError(
      field,
      `is ${path}, which this node does not share`,
      `Start Headrace with --share ${path}`,
    );
  }
  return { path: real, readOnly: share.readOnly };
}
