import { pipelinePages } from "@headrace/pipelines/ui";
import type { PageSet } from "@headrace/ui-kit";

/** The components that have pages, in the order of the navigation. */
export const pageSets: readonly PageSet[] = [pipelinePages];

export const navigation = pageSets.flatMap((set) => set.navigation);
export const homePath = navigation[0]?.path ?? "/";
