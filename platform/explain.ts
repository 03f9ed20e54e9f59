import { ApiError, type Component, type Reason, type Route } from "@headrace/model";

const kinds: Readonly<Record<string, { readonly kind: string; readonly group: string; readonly plural: string }>> = {
  run: { kind: "Run", group: "headrace.io", plural: "runs" },
  task: { kind: "Task", group: "headrace.io", plural: "tasks" },
  pod: { kind: "Pod", group: "", plural: "pods" },
  pvc: { kind: "PersistentVolumeClaim", group: "", plural: "persistentvolumeclaims" },
};

/** `GET …/explain/{kind}/{name}`: why something waits or failed, from every component that has something to say. */
export function explainRoute(components: readonly Component[]): Route {
  return {
    method: "GET",
    pattern: "/apis/headrace.io/v1/namespaces/{namespace}/explain/{kind}/{name}",
    access: ({ namespace = "", kind = "", name = "" }) => ({
      verb: "get",
      group: kinds[kind]?.group ?? "headrace.io",
      resource: kinds[kind]?.plural ?? kind,
      namespace,
      name,
    }),
    async handle(_request, { namespace = "", kind = "", name = "" }) {
      const asked = kinds[kind];
      if (asked === undefined) {
        throw new ApiError("BadRequest", `Cannot explain a "${kind}": explain a ${Object.keys(kinds).join(", a ")}`);
      }
      const said = await Promise.all(
        components.map((component) => component.explain?.({ namespace, kind: asked.kind, name }) ?? []),
      );
      const reasons: readonly Reason[] = said.flat();
      return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify({ reasons }) };
    },
  };
}
