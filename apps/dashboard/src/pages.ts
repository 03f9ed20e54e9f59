import { pipelinePages } from "@headrace/pipelines/ui";
import type { PageSet } from "@headrace/ui-kit";

/** The components that have pages, in the order of the navigation. */
export const pageSets: readonly PageSet[] = [pipelinePages];

export const navigation = pageSets.flatMap((set) => set.navigation);
/** What opens when no page is asked for. */
export const home = navigation.find((entry) => entry.home === true) ?? navigation[0];
export const homePath = home?.path ?? "/";
