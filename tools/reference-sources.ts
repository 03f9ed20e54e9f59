import type { Surroundings } from "../apps/cli/environment.ts";
import type { Running } from "../platform/home.ts";
import type { Ask } from "./reference-pages.ts";

export const commandLinePath = "docs/reference/command-line.md";
export const kubernetesPath = "docs/reference/kubernetes-api.md";

/** For a command line that is only looked at. */
export const nowhere: Surroundings = {
  home: "",
  cache: "",
  runtime: "",
  color: false,
  interactive: false,
  columns: 100,
  packaging: {},
};

/** Asks a running Headrace's Kubernetes API by its gateway. */
export function askThrough({ gateway, token }: Running): Ask {
  return async (path) => {
    const response = await fetch(`${gateway}/kube${path}`, { headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) throw new RangeError(`${path} answers ${response.status}`);
    return response.json();
  };
}
