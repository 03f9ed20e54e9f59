import type { ApiRequest, ApiResponse } from "@headrace/model";
import { fixedDocument } from "./fixed-document.ts";
import type { ServerVersion } from "./options.ts";

const text = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-cache, private" };

/** `/version`, `/livez`, `/readyz` and the older `/healthz`. */
export function createHealth(
  version: ServerVersion,
  unready: () => readonly string[],
): (request: ApiRequest) => Promise<ApiResponse | undefined> {
  const versionDocument = fixedDocument(versionInfo(version));

  return async (request) => {
    switch (request.path) {
      case "/version":
      case "/version/":
        return versionDocument.answer(request);
      case "/livez":
        return health(request, "livez", []);
      case "/healthz":
      case "/readyz":
        return health(request, request.path.slice(1), unready());
      default:
        return undefined;
    }
  };
}

function health({ query }: ApiRequest, name: string, problems: readonly string[]): ApiResponse {
  const isVerbose = query.has("verbose") || problems.length > 0;
  const lines = [
    "[+]ping ok",
    ...problems.map((problem) => `[-]${problem}`),
    `${name} check ${problems.length === 0 ? "passed" : "failed"}`,
  ];
  return { status: problems.length === 0 ? 200 : 500, headers: text, body: isVerbose ? `${lines.join("\n")}\n` : "ok" };
}

function versionInfo({ gitVersion, buildDate }: ServerVersion): object {
  const [, major = "1", minor = "0"] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    gitVersion,
    gitCommit: "",
    gitTreeState: "clean",
    buildDate,
    goVersion: "",
    compiler: "node",
    platform: "any",
  };
}
