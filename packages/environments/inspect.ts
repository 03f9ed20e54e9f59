import type { Clock } from "@headrace/model";
import { readIndexSettings, type Variables } from "./index-settings.ts";
import { Pythons } from "./pythons.ts";
import { withoutCredentials } from "./tool.ts";
import { presentUv, toolVariables } from "./uv.ts";

/** What this host has for building environments, found out without the network and without writing anything. */
export interface Tools {
  /** One of each version from 3.9 on, the newest first. */
  readonly pythons: readonly { readonly minor: string; readonly version: string; readonly executable: string }[];
  /** Path of the uv that would be used; undefined if it would have to be fetched. */
  readonly uv: string | undefined;
  /** Where packages come from, without credentials; undefined for the public index. */
  readonly index: string | undefined;
  /** Whether packages may come from `--find-links` alone. */
  readonly offline: boolean;
}

/** Takes the time of some starts of Python. Never throws for what is missing. */
export async function inspectTools(options: {
  readonly cacheDirectory: string;
  readonly indexEnvironment: Variables;
  readonly clock: Clock;
}): Promise<Tools> {
  const { cacheDirectory, indexEnvironment: variables, clock } = options;
  const pythons = new Pythons({
    clock,
    variables,
    directory: "/",
    toolVariables: toolVariables(variables),
    install: async () => ({ reason: "nothing is installed by looking" }),
  });
  const [found, uv, settings] = await Promise.all([
    pythons.all(),
    presentUv({ clock, cacheDirectory, variables }),
    readIndexSettings(variables),
  ]);
  const index = variables["UV_DEFAULT_INDEX"] ?? variables["UV_INDEX_URL"] ?? settings.indexUrl;
  return {
    pythons: found.map(({ minor, version, executable }) => ({ minor, version, executable })),
    uv,
    index: index === undefined ? undefined : withoutCredentials(index),
    offline: settings.noIndex,
  };
}
