import {
  Answered,
  CopyId,
  DefinitionList,
  DetailPage,
  EmptyState,
  ErrorPanel,
  formatValue,
  FoundPage,
  Link,
  Sentence,
  shortId,
  Skeleton,
  Split,
  StateMark,
  StatusStrip,
  Tabs,
  Time,
  useAnswer,
  useKit,
  useLiveList,
  useLiveOne,
  useMessages,
  useNow,
  useParams,
  useQueryItem,
  useQueryString,
  useTab,
  type Asked,
} from "@headrace/ui-kit";
import { Fragment, useMemo, useState } from "react";
import { runLabel, runs as runKind, tasks as taskKind, type Run, type Task } from "../resources/index.ts";
import { fetchPipelineSpec } from "./api.ts";
import { ArtifactPanel, ArtifactTable, MetricsView } from "./artifact-view.tsx";
import { producedArtifacts } from "./artifacts.ts";
import { pipelineMessages } from "./messages.ts";
import { SpecSource } from "./spec-source.tsx";
import { experimentPath, pipelinePath, schedulePath } from "./places.ts";
import { readPipelineSpec } from "./pipeline-spec.ts";
import { pipelineInputs } from "./planned-task.ts";
import { RunActions } from "./run-actions.tsx";
import { RunSteps } from "./run-steps.tsx";
import { buildRunTree, countByState, findNode, type RunNode } from "./run-tree.ts";
import { sayRun } from "./run-words.ts";
import { countSteps, isRunOver, runState, stepBars } from "./state.ts";
import { isEmpty, TaskPanel, ValuesSection } from "./task-panel.tsx";

/** The page of one run: finds it, or says that there is none. */
export function RunPage() {
  const t = useMessages(pipelineMessages);
  const { run: id = "" } = useParams();
  const answer = useLiveOne(runKind, `metadata.name=${id}`, ({ metadata }) => metadata.name === id);
  return (
    <FoundPage
      id={id}
      answer={answer}
      nameOf={({ spec }) => spec.displayName}
      list={{ to: "/runs", label: t("runs") }}
      missing={{ title: t("run.missing"), sentence: t("run.missingWhy", { id }), back: t("run.back") }}
      failed={t("run.failed")}
    >
      {(run) => <FoundRun run={run} />}
    </FoundPage>
  );
}

const tabNames = ["steps", "parameters", "metrics", "artifacts", "spec"] as const;

function FoundRun({ run }: { readonly run: Run }) {
  const t = useMessages(pipelineMessages);
  const { request } = useKit();
  const id = run.metadata.name ?? "";
  const namespace = run.metadata.namespace ?? "";
  const { execution } = useParams();
  const tab = useTab(tabNames);
  const query = useQueryString();
  // Of a run that is over since before it was looked at, only a retry makes anything new, and the run tells of that.
  const [wasOver, setWasOver] = useState(isRunOver(run));
  if (wasOver && !isRunOver(run)) setWasOver(false);
  const tasks = useLiveList<Task>(taskKind, { namespace, labelSelector: `${runLabel}=${id}`, still: wasOver });
  const rows = useMemo(() => tasks.items.filter((task) => task.spec.run === id), [tasks.items, id]);
  const spec = useAnswer(id, (signal) => fetchPipelineSpec(request, { id, namespace }, signal));
  const plan = useMemo(() => (spec.state === "ready" ? readPipelineSpec(spec.value) : undefined), [spec]);
  const tree = useMemo(() => buildRunTree(plan, rows), [plan, rows]);
  const artifacts = useMemo(() => producedArtifacts(rows), [rows]);
  const [chosen, setChosen] = useQueryItem("task");
  const [artifact, setArtifact] = useQueryItem("artifact");
  const byExecution =
    execution === undefined ? undefined : rows.find((task) => String(task.spec.id) === execution)?.spec.key;
  const selectedKey = chosen === "" ? byExecution : `root/${chosen}`;
  const selected = selectedKey === undefined ? undefined : findNode(tree, selectedKey);
  const shownArtifact = artifacts.find((it) => String(it.artifact.id) === artifact);
  const select = (key: string | undefined): void => setChosen(key?.replace(/^root\//, "") ?? "");

  const panel = shownArtifact ? (
    <ArtifactPanel item={shownArtifact} namespace={namespace} onClose={() => setArtifact("")} />
  ) : selected && tab === "steps" ? (
    <TaskPanel
      key={selected.key}
      node={selected}
      tree={tree}
      run={run}
      onClose={() => select(undefined)}
      onSelect={select}
      onArtifact={(it) => setArtifact(String(it))}
    />
  ) : undefined;

  return (
    <DetailPage
      mark={<StateMark state={runState(run)} size={16} />}
      name={run.spec.displayName}
      sentence={<Status run={run} tree={tree} />}
      actions={<RunActions run={run} />}
      facts={<Facts run={run} tree={tree} />}
      tabs={
        <Tabs
          label={t("tabs")}
          names={tabNames}
          current={tab}
          path={`/runs/details/${id}`}
          query={query}
          say={(name) => t(`tab.${name}`)}
          counts={{ artifacts: artifacts.length || undefined }}
        />
      }
    >
      <Split name="run" panel={panel}>
        {tasks.phase === "refused" ? (
          <ErrorPanel what={t("tasks.failed")} error={tasks.error} onRetry={tasks.retry} />
        ) : null}
        {tab === "steps" ? (
          <>
            {spec.state === "failed" ? (
              <ErrorPanel what={t("spec.partial")} error={spec.error} onRetry={spec.retry} />
            ) : null}
            {!tasks.complete || spec.state === "loading" ? (
              <Skeleton rows={6} />
            ) : tree.children.length > 0 ? (
              <RunSteps tree={tree} run={run} selected={selected} onSelect={select} />
            ) : (
              <EmptyState sentence={t("tasks.none")} />
            )}
          </>
        ) : null}
        {tab === "parameters" ? (
          <Parameters
            run={run}
            spec={spec.state === "ready" ? spec.value : undefined}
            root={tree.task}
            onArtifact={(it) => setArtifact(String(it))}
          />
        ) : null}
        {tab === "metrics" ? <MetricsView items={artifacts} /> : null}
        {tab === "artifacts" ? (
          <ArtifactTable items={artifacts} selected={artifact} onSelect={(it) => setArtifact(String(it))} />
        ) : null}
        {tab === "spec" ? <Spec answer={spec} name={run.spec.displayName} /> : null}
      </Split>
    </DetailPage>
  );
}

function Status({ run, tree }: { readonly run: Run; readonly tree: RunNode }) {
  const t = useMessages(pipelineMessages);
  return <Sentence text={sayRun(run, tree, t, useNow())} />;
}

function Facts({ run, tree }: { readonly run: Run; readonly tree: RunNode }) {
  const t = useMessages(pipelineMessages);
  // While it runs, steps that are still to come count too.
  const steps = isRunOver(run) ? run.status.steps : countByState(tree);
  const { done, total } = countSteps(steps);
  const bars = stepBars(steps).map((state, index) => ({ key: String(index), state, label: state }));
  return (
    <DefinitionList
      wide
      items={[
        [t("fact.steps"), total === 0 ? undefined : <StatusStrip bars={bars} label={t("steps.of", { done, total })} />],
        [t("fact.started"), <Time at={run.status.startedAt ?? run.metadata.creationTimestamp} />],
        [t("fact.finished"), run.status.finishedAt === undefined ? undefined : <Time at={run.status.finishedAt} />],
        [t("fact.pipeline"), <PipelineOf run={run} />],
        [
          t("fact.experiment"),
          run.spec.experiment.name === "" ? undefined : (
            <Link to={experimentPath(run.spec.experiment.id)}>{run.spec.experiment.name}</Link>
          ),
        ],
        [
          t("fact.schedule"),
          run.spec.recurringRun === undefined ? undefined : (
            <Link to={schedulePath(run.spec.recurringRun)}>
              <code>{shortId(run.spec.recurringRun)}</code>
            </Link>
          ),
        ],
        [t("fact.environment"), <code>{run.metadata.namespace}</code>],
        [t("fact.id"), <CopyId id={run.metadata.name ?? ""} />],
        [t("fact.archived"), run.spec.archived ? t("fact.yes") : undefined],
      ]}
    />
  );
}

/** Its version, where it was made from one; a run may have brought its pipeline along. */
function PipelineOf({ run }: { readonly run: Run }) {
  const { id, versionId, name } = run.spec.pipeline;
  return id === undefined ? name : <Link to={pipelinePath(id, versionId)}>{name}</Link>;
}

/** What the run was given, the pipeline's defaults for the rest, and what came out of it. */
function Parameters({
  run,
  spec,
  root,
  onArtifact,
}: {
  readonly run: Run;
  readonly spec: unknown;
  readonly root: Task | undefined;
  readonly onArtifact: (id: number) => void;
}) {
  const t = useMessages(pipelineMessages);
  const given = Object.entries(run.spec.parameters);
  const defaults = useMemo(() => defaultsOf(spec), [spec]).filter(([name]) => !(name in run.spec.parameters));
  return (
    <div className="page-scroll">
      {given.length + defaults.length === 0 ? (
        <p className="muted">{t("parameters.none")}</p>
      ) : (
        <DefinitionList
          items={[
            ...given.map(([name, value]) => [name, <code key={name}>{formatValue(value)}</code>] as const),
            ...defaults.map(
              ([name, value]) =>
                [
                  name,
                  <Fragment key={name}>
                    <code>{formatValue(value)}</code> <span className="faint">{t("parameters.default")}</span>
                  </Fragment>,
                ] as const,
            ),
          ]}
        />
      )}
      {root && !isEmpty(root.status.outputs) ? (
        <>
          <hr className="rule" />
          <ValuesSection title={t("parameters.made")} values={root.status.outputs} t={t} onArtifact={onArtifact} />
        </>
      ) : null}
      <hr className="rule" />
      <DefinitionList
        items={[
          [t("fact.description"), run.spec.description || undefined],
          [t("fact.root"), run.spec.pipelineRoot === "" ? undefined : <code>{run.spec.pipelineRoot}</code>],
          [t("fact.account"), run.spec.serviceAccount === "" ? undefined : <code>{run.spec.serviceAccount}</code>],
        ]}
      />
    </div>
  );
}

/** Nothing for a pipeline that does not read: the run shows what it was given all the same. */
function defaultsOf(spec: unknown): readonly (readonly [string, unknown])[] {
  try {
    return [...pipelineInputs(spec)].flatMap(([name, { defaultValue }]) =>
      defaultValue === undefined ? [] : [[name, defaultValue] as const],
    );
  } catch {
    return [];
  }
}

function Spec({ answer, name }: { readonly answer: Asked<unknown>; readonly name: string }) {
  const t = useMessages(pipelineMessages);
  return (
    <Answered answer={answer} failed={t("spec.failed")} rows={10}>
      {(spec) => {
        if (spec === undefined) return <EmptyState sentence={t("spec.none")} />;
        return <SpecSource spec={spec} name={name} />;
      }}
    </Answered>
  );
}
