import { ApiError, type Component, type Reason, type Route } from "@headrace/model";

const kinds: Readonly<Record<string, string>> = { run: "runs", task: "tasks", pod: "pods" };

/** `GET …/explain/{kind}/{name}`: why something waits or failed, from every component that has something to say. */
export function explainRoute(components: readonly Component[]): Route {
  return {
    method: "GET",
    pattern: "/apis/headrace.io/v1/namespaces/{namespace}/explain/{kind}/{name}",
    access: ({ namespace = "", kind = "", name = "" }) => ({
      verb: "get",
      group: kind === "pod" ? "" : "headrace.io",
      resource: kinds[kind] ?? kind,
      namespace,
      name,
    }),
    async handle(_request, { namespace = "", kind = "", name = "" }) {
      if (kinds[kind] === undefined) {
        throw new ApiError("BadRequest", `Cannot explain a "${kind}": explain a ${Object.keys(kinds).join(", a ")}`);
      }
      const said = await Promise.all(
        components.map((component) => component.explain?.({ namespace, kind, name }) ?? []),
      );
      const reasons: readonly Reason[] = said.flat();
      return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify({ reasons }) };
    },
  };
}
