import type { NavigationEntry, PageSet } from "@headrace/ui-kit";
import { searchRuns } from "./api.ts";
import { RunningCount } from "./running-count.tsx";
import { searchDefinitions } from "./search-definitions.ts";

const navigation: readonly NavigationEntry[] = [
  {
    group: "build",
    label: { en: "Pipelines", zh: "流水线" },
    path: "/pipelines",
    key: "p",
    covers: ["/pipeline_versions/"],
  },
  { group: "build", label: { en: "Runs", zh: "运行" }, path: "/runs", key: "r", home: true, covers: ["/compare"] },
  {
    group: "build",
    label: { en: "Experiments", zh: "实验" },
    path: "/experiments",
    key: "e",
    covers: ["/archive/experiments"],
  },
  {
    group: "build",
    label: { en: "Schedules", zh: "定时计划" },
    path: "/recurringruns",
    key: "c",
    covers: ["/recurringrun/"],
  },
  { group: "build", label: { en: "Steps", zh: "步骤" }, path: "/executions", key: "s" },
  { group: "data", label: { en: "Artifacts", zh: "制品" }, path: "/artifacts", key: "a" },
];

/** The pages of pipelines: what people define, what runs, and what came of it. */
export const pipelinePages: PageSet = {
  name: "pipelines",
  navigation,
  routes: [
    { path: "/pipelines", load: async () => (await import("./pipelines-page.tsx")).PipelinesPage },
    {
      path: "/pipelines/details/:pipeline/:tab?",
      load: async () => (await import("./pipeline-page.tsx")).PipelinePage,
    },
    {
      path: "/pipelines/details/:pipeline/version/:version/:tab?",
      load: async () => (await import("./pipeline-page.tsx")).PipelinePage,
    },
    { path: "/pipeline_versions/new", load: async () => (await import("./new-version-page.tsx")).NewVersionPage },
    { path: "/runs", load: async () => (await import("./runs-page.tsx")).RunsPage },
    { path: "/shared/pipelines", load: async () => (await import("./moved-pages.tsx")).SharedPipelines },
    { path: "/experiments", load: async () => (await import("./experiments-page.tsx")).ExperimentsPage },
    { path: "/experiments/new", load: async () => (await import("./new-experiment-page.tsx")).NewExperimentPage },
    {
      path: "/experiments/details/:experiment/:tab?",
      load: async () => (await import("./experiment-page.tsx")).ExperimentPage,
    },
    {
      path: "/archive/experiments",
      load: async () => (await import("./experiments-page.tsx")).ArchivedExperimentsPage,
    },
    { path: "/archive/runs", load: async () => (await import("./moved-pages.tsx")).ArchivedRuns },
    { path: "/recurringruns", load: async () => (await import("./schedules-page.tsx")).SchedulesPage },
    {
      path: "/recurringrun/details/:schedule/:tab?",
      load: async () => (await import("./schedule-page.tsx")).SchedulePage,
    },
    { path: "/runs/new", load: async () => (await import("./new-run-page.tsx")).NewRunPage },
    // `/execution/<task id>` is the address that Kubeflow's own page has for a step.
    { path: "/runs/details/:run/execution/:execution", load: async () => (await import("./run-page.tsx")).RunPage },
    { path: "/runs/details/:run/:tab?", load: async () => (await import("./run-page.tsx")).RunPage },
    { path: "/compare", load: async () => (await import("./compare-page.tsx")).ComparePage },
    { path: "/artifacts", load: async () => (await import("./artifacts-page.tsx")).ArtifactsPage },
    { path: "/artifacts/:artifact/:tab?", load: async () => (await import("./artifact-page.tsx")).ArtifactPage },
    { path: "/executions", load: async () => (await import("./executions-page.tsx")).ExecutionsPage },
    { path: "/executions/:step", load: async () => (await import("./execution-page.tsx")).ExecutionPage },
  ],
  async search(text, kit, signal) {
    const [runs, others] = await Promise.all([
      searchRuns(kit.request, text, kit.namespace, signal),
      searchDefinitions(kit.request, text, kit.namespace, signal),
    ]);
    const nameOf = (list: string): string => navigation.find(({ path }) => path === list)?.label[kit.language] ?? "";
    return [
      ...others.map(({ list, path, name }) => ({ path, label: name, detail: nameOf(list) })),
      ...runs.map((run) => ({ path: `/runs/details/${run.id}`, label: run.name, detail: run.state.toLowerCase() })),
    ];
  },
  summary: RunningCount,
};
