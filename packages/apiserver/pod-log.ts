import type { Pod } from "@headrace/k8s";
import { badRequest } from "@headrace/model";
import type { LogOptions, NodeConnector, SubresourceHandler } from "./options.ts";
import { isTrue } from "./target.ts";

/** `pods/log`: what a container wrote, as the node has it. */
export function podLog(node: NodeConnector): SubresourceHandler {
  return async ({ request, object }) => {
    const pod = object as Pod;
    const options = logOptions(request.query, containerOf(pod, request.query.get("container") ?? ""));
    const body = await node.log(pod, options, request.signal);
    return { status: 200, headers: { "content-type": "text/plain", "cache-control": "no-cache, private" }, body };
  };
}

function containerOf({ metadata, spec }: Pod, asked: string): string {
  const containers = spec.containers.map(({ name }) => name);
  const initContainers = (spec.initContainers ?? []).map(({ name }) => name);
  const [only] = containers;
  if (asked === "") {
    if (only !== undefined && containers.length === 1) return only;
    throw badRequest(
      `a container name must be specified for pod ${metadata.name}, choose one of: [${containers.join(" ")}]${initContainers.length > 0 ? ` or one of the init containers: [${initContainers.join(" ")}]` : ""}`,
    );
  }
  if ([...containers, ...initContainers].includes(asked)) return asked;
  throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`);
}

function logOptions(query: URLSearchParams, container: string): LogOptions {
  const tailLines = wholeNumber(query, "tailLines", 0);
  const limitBytes = wholeNumber(query, "limitBytes", 1);
  const sinceSeconds = wholeNumber(query, "sinceSeconds", 1);
  const sinceTime = query.get("sinceTime") ?? "";
  if (sinceSeconds !== undefined && sinceTime !== "")
    throw badRequest("at most one of `sinceTime` or `sinceSeconds` may be specified");
  const time = Date.parse(sinceTime);
  if (sinceTime !== "" && Number.isNaN(time))
    throw badRequest(
      `sinceTime: Invalid value: ${JSON.stringify(sinceTime)}: must be a time such as 2026-01-31T12:00:00Z`,
    );
  return {
    container,
    follow: isTrue(query.get("follow")),
    previous: isTrue(query.get("previous")),
    timestamps: isTrue(query.get("timestamps")),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(sinceSeconds !== undefined && { sinceSeconds }),
    ...(sinceTime !== "" && { sinceTime: time }),
  };
}

function wholeNumber(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name) ?? "";
  if (text === "") return undefined;
  if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
  throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: must be a whole number, ${least} or more`);
}
