import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createEnvironments } from "@headrace/environments";
import { systemClock, systemIds } from "@headrace/model";
import { createPlatform, type Platform } from "@headrace/platform";

/** Where environments are kept between runs: the same cache as the command line's. */
export const cacheDirectory = process.env["HEADRACE_CACHE"] ?? join(homedir(), ".cache", "headrace");

const packaging = Object.fromEntries(
  Object.entries(process.env).filter((entry): entry is [string, string] =>
    /^(PATH$|HOME$|PIP_|UV_|SSL_CERT_|HTTPS?_PROXY|NO_PROXY)/i.test(entry[0]),
  ),
);

/** A Headrace on a directory and ports of its own; disposing stops it and removes everything. */
export async function startFresh(): Promise<{ platform: Platform; directory: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "headrace-"));
  const platform = await createPlatform({
    dataDirectory: join(directory, "home"),
    cacheDirectory,
    runtimeDirectory: directory,
    host: "127.0.0.1",
    port: 0,
    kubePort: 0,
    auth: "local",
    shares: [],
    packaging,
    log: () => {},
  });
  return {
    platform,
    directory,
    async [Symbol.asyncDispose]() {
      await platform.stop({ keepPods: false });
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The interpreter of an environment with these packages, built once for each set. */
export async function pythonWith(...requirements: string[]): Promise<string> {
  const environments = createEnvironments({
    cacheDirectory,
    indexEnvironment: packaging,
    clock: systemClock,
    ids: systemIds,
    allowSourceBuilds: true,
  });
  const environment = await environments.resolve({
    image: "python:3",
    packages: { installs: [{ requirements }] },
    mappings: [{ image: "python:3", python: "3" }],
  });
  if (environment.cell === undefined) throw new TypeError("The environment has no Python");
  return environment.cell.python;
}
