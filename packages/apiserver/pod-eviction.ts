import { readDeletionOptions } from "./deletion-options.ts";
import type { SubresourceHandler } from "./options.ts";
import { success } from "./statuses.ts";
import type { Eviction } from "@headrace/k8s";

/** `pods/eviction`: a deletion that disruption budgets could refuse, if there were any. */
export const evictPod: SubresourceHandler = async ({ body, request, remove }) => {
  const { deleteOptions = {} } = (await body()) as Eviction;
  await remove(readDeletionOptions(deleteOptions, request.query));
  return { status: 201, value: success(201) };
};
