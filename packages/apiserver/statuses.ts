import type { KubeObject, Status } from "@headrace/model";
import type { Served } from "./registry.ts";

/** meta/v1 Status of what went well and left no object to show. */
export function success(code: number): Status {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code };
}

/** What a DELETE answers once the object is gone. */
export function deleted({ definition }: Served, { metadata }: KubeObject): Status {
  const { group, plural } = definition;
  return { ...success(200), details: { name: metadata.name ?? "", group, kind: plural, uid: metadata.uid ?? "" } };
}
