import type { ApiResponse, Route } from "@headrace/model";
import type { Garbage } from "../controllers/garbage.ts";

const path = "/apis/headrace.io/v1/garbage";
const resource = { group: "headrace.io", resource: "garbage", namespace: "", name: "" };

/** What could be freed, and freeing it: for administrators, as it concerns all namespaces. */
export function garbageRoutes(garbage: Garbage): readonly Route[] {
  return [
    {
      method: "GET",
      pattern: path,
      access: () => ({ verb: "list", ...resource }),
      handle: async () => answer(await garbage.survey()),
    },
    {
      method: "DELETE",
      pattern: path,
      access: () => ({ verb: "deletecollection", ...resource }),
      handle: async () => answer(await garbage.collect()),
    },
  ];
}

function answer(items: Awaited<ReturnType<Garbage["survey"]>>): ApiResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify({ items }) };
}
