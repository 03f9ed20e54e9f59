import {
  Bytes,
  CopyId,
  DefinitionList,
  Duration,
  formatValue,
  Link,
  LogView,
  Notice,
  Sentence,
  StateLabel,
  StateMark,
  Switch,
  Time,
  useKit,
  useMessages,
  useQueryItem,
} from "@headrace/ui-kit";
import { Fragment, useState } from "react";
import type { Run, TaskArtifact, TaskAttempt, TaskValues } from "../resources/index.ts";
import { openLog } from "./api.ts";
import { CacheNote } from "./cache-note.tsx";
import { typeName } from "./artifacts.ts";
import { thrownIn } from "./failure-words.ts";
import { pipelineMessages } from "./messages.ts";
import { PanelHead } from "./panel-head.tsx";
import { RetryFrom } from "./retry-from.tsx";
import { findNode, isGroup, type RunNode } from "./run-tree.ts";
import { sayLabel, type Words } from "./run-words.ts";
import type { State } from "@headrace/ui-kit";

export interface TaskPanelProps {
  readonly node: RunNode;
  readonly tree: RunNode;
  readonly run: Run;
  readonly onClose: () => void;
  readonly onSelect: (key: string) => void;
  readonly onArtifact: (id: number) => void;
}

const tabs = ["log", "values", "attempts"] as const;
type TabName = (typeof tabs)[number];

/** Everything about one step: why it is as it is, its facts, its log, what went in and came out, its tries. */
export function TaskPanel({ node, tree, run, onClose, onSelect, onArtifact }: TaskPanelProps) {
  const t = useMessages(pipelineMessages);
  return (
    <>
      <PanelHead tools={node.task ? <RetryFrom run={run} taskKey={node.key} /> : null} onClose={onClose}>
        <StateMark state={node.state} size={14} />
        <h2>{sayLabel(node, t)}</h2>
        <IterationNote node={node} tree={tree} t={t} />
      </PanelHead>
      <div className="panel-body">
        <TaskDetails
          node={node}
          tree={tree}
          run={{ id: run.metadata.name ?? "", namespace: run.metadata.namespace ?? "" }}
          onSelect={onSelect}
          onArtifact={onArtifact}
        />
      </div>
    </>
  );
}

/** Why a step is as it is, its facts, and its log, values and tries. */
export function TaskDetails({
  node,
  tree,
  run,
  onSelect,
  onArtifact,
}: Pick<TaskPanelProps, "node" | "tree" | "onSelect" | "onArtifact"> & { readonly run: RunPlace }) {
  const t = useMessages(pipelineMessages);
  const [tabText, setTab] = useQueryItem("tab");
  const offered = tabs.filter((tab) => tab === "values" || !isGroup(node));
  const tab = offered.find((name) => name === tabText) ?? offered[0] ?? "values";
  return (
    <>
      <Why node={node} t={t} />
      <div className="panel-facts">
        <TaskFacts node={node} t={t} onArtifact={onArtifact} />
      </div>
      <div className="tabs" role="tablist" aria-label={t("taskTabs")}>
        {offered.map((name) => (
          <button key={name} type="button" role="tab" aria-selected={name === tab} onClick={() => setTab(name)}>
            {t(`tab.${name}`)}
            {name === "attempts" && (node.task?.status.attempts.length ?? 0) > 1 ? (
              <span className="count">{node.task?.status.attempts.length}</span>
            ) : null}
          </button>
        ))}
      </div>
      <TabBody tab={tab} node={node} run={run} tree={tree} t={t} onSelect={onSelect} onArtifact={onArtifact} />
    </>
  );
}

interface RunPlace {
  readonly id: string;
  readonly namespace: string;
}

function TabBody({
  tab,
  node,
  run,
  tree,
  t,
  onSelect,
  onArtifact,
}: {
  readonly tab: TabName;
  readonly tree: RunNode;
  readonly node: RunNode;
  readonly run: RunPlace;
  readonly t: Words;
  readonly onSelect: (key: string) => void;
  readonly onArtifact: (id: number) => void;
}) {
  if (tab === "log") return <TaskLog node={node} run={run} t={t} />;
  if (tab === "attempts") return <Attempts attempts={node.task?.status.attempts ?? []} t={t} />;
  return (
    <>
      {node.dependsOn.length === 0 ? null : <DependsOn node={node} tree={tree} t={t} onSelect={onSelect} />}
      <ValuesSection title={t("fact.inputs")} values={node.task?.status.inputs} t={t} onArtifact={onArtifact} />
      <ValuesSection title={t("fact.outputs")} values={node.task?.status.outputs} t={t} onArtifact={onArtifact} />
    </>
  );
}

function DependsOn({
  node,
  tree,
  t,
  onSelect,
}: {
  readonly node: RunNode;
  readonly tree: RunNode;
  readonly t: Words;
  readonly onSelect: (key: string) => void;
}) {
  const parent = node.key.slice(0, Math.max(0, node.key.lastIndexOf("/")));
  return (
    <section className="panel-section">
      <h3>{t("fact.dependsOn")}</h3>
      <Spaced>
        {node.dependsOn.map((name) => {
          const before = findNode(tree, `${parent}/${name}`);
          return (
            <button key={name} type="button" className="link mono" onClick={() => onSelect(`${parent}/${name}`)}>
              {before ? sayLabel(before, t) : name}
            </button>
          );
        })}
      </Spaced>
    </section>
  );
}

function IterationNote({ node, tree, t }: { readonly node: RunNode; readonly tree: RunNode; readonly t: Words }) {
  const match = [...node.key.matchAll(/\[(\d+)\]/g)].at(-1);
  if (!match || node.kind === "iteration") return null;
  const loop = findNode(tree, node.key.slice(0, match.index));
  return (
    <span className="faint">
      {t("iteration.of", {
        n: Number(match[1]) + 1,
        count: loop?.task?.status.iterations ?? loop?.children.length ?? 1,
      })}
    </span>
  );
}

/** Why it waits, failed or was skipped, with what to do about it. */
function Why({ node, t }: { readonly node: RunNode; readonly t: Words }) {
  const status = node.task?.status;
  if (node.state === "failed") {
    const attempt = status?.attempts.at(-1);
    const message = status?.error?.message || attempt?.message || t("why.failed");
    const code = attempt?.exitCode ?? 0;
    // The code is said once, and `Error` says nothing.
    const said = code === 0 || message.includes(String(code)) ? "" : t("attempt.exit", { code });
    const thrown = thrownIn(status?.error?.tail ?? "");
    const exit = [thrown && sentenceCase(message), attempt?.reason === "Error" ? "" : attempt?.reason, said]
      .filter(Boolean)
      .join(", ");
    return (
      <Notice tone="fail" title={thrown ?? sentenceCase(message)}>
        {exit === "" ? null : <p className="muted">{exit}</p>}
        {status?.waiting?.remedy === undefined ? null : (
          <p className="muted">
            <Sentence text={status.waiting.remedy} />
          </p>
        )}
        {status?.error?.tail === undefined || status.error.tail === "" || status.attempts.length > 0 ? null : (
          <pre aria-label={t("why.tail")}>{status.error.tail.trimEnd()}</pre>
        )}
      </Notice>
    );
  }
  if (node.state === "waiting" && status?.waiting) {
    return (
      <Notice tone="warn" title={<Sentence text={t("why.waiting", { why: status.waiting.summary })} />}>
        {status.waiting.remedy === undefined ? null : (
          <p className="muted">
            <Sentence text={status.waiting.remedy} />
          </p>
        )}
      </Notice>
    );
  }
  if (node.state === "skipped")
    return (
      <Notice
        tone="info"
        title={
          <Sentence
            text={
              node.condition === undefined
                ? t(node.task ? "why.skippedUpstream" : "why.notRun")
                : t("why.skippedCondition", { condition: node.condition })
            }
          />
        }
      />
    );
  if (node.state === "pending") {
    const names = node.dependsOn.map((name) => `\`${name}\``).join(", ");
    return (
      <Notice
        tone="info"
        title={<Sentence text={names === "" ? t("why.pendingFirst") : t("why.pending", { names })} />}
      />
    );
  }
  return null;
}

const sentenceCase = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

function TaskFacts({
  node,
  t,
  onArtifact,
}: {
  readonly node: RunNode;
  readonly t: Words;
  readonly onArtifact: (id: number) => void;
}) {
  const status = node.task?.status;
  const attempt = status?.attempts.at(-1);
  const count = status?.attempts.length ?? 0;
  return (
    <DefinitionList
      items={[
        [
          t("fact.duration"),
          status?.startedAt === undefined ? undefined : (
            <>
              <Duration from={status.startedAt} to={status.finishedAt} />
              {count > 1 ? <span className="muted">, {t("detail.tries", { count })}</span> : null}
            </>
          ),
        ],
        [t("fact.started"), status?.startedAt === undefined ? undefined : <Time at={status.startedAt} />],
        [t("fact.condition"), node.condition === undefined ? undefined : <code>{node.condition}</code>],
        [t("fact.iterations"), status?.iterations],
        [t("fact.pod"), attempt ? <CopyId id={attempt.pod} short={false} /> : undefined],
        [
          t("fact.cachedFrom"),
          status?.cachedFrom ? (
            <Link className="mono" to={`/runs/details/${status.cachedFrom.run}/execution/${status.cachedFrom.task}`}>
              {status.cachedFrom.run.slice(0, 8)}
            </Link>
          ) : undefined,
        ],
        [
          t("fact.cache"),
          node.task && !isGroup(node) && status?.finishedAt !== undefined ? <CacheNote task={node.task} /> : undefined,
        ],
        [
          t("fact.inputs"),
          status && !isEmpty(status.inputs) ? <ValueLine values={status.inputs} onArtifact={onArtifact} /> : undefined,
        ],
        [t("fact.outputs"), <Outputs node={node} t={t} onArtifact={onArtifact} />],
      ]}
    />
  );
}

function Outputs({
  node,
  t,
  onArtifact,
}: {
  readonly node: RunNode;
  readonly t: Words;
  readonly onArtifact: (id: number) => void;
}) {
  const status = node.task?.status;
  if (status && !isEmpty(status.outputs)) return <ValueLine values={status.outputs} onArtifact={onArtifact} />;
  const says: Partial<Record<State, string>> = {
    failed: t("fact.noneFailed"),
    succeeded: t("fact.none"),
    cached: t("fact.none"),
    skipped: t("fact.none"),
  };
  return <span className="faint">{says[node.state] ?? t("fact.noneYet")}</span>;
}

export const isEmpty = (values: TaskValues): boolean =>
  Object.keys(values.parameters).length === 0 && Object.keys(values.artifacts).length === 0;

/** Parameters and artifacts in one line each, as much as helps at a glance. */
function ValueLine({ values, onArtifact }: { readonly values: TaskValues; readonly onArtifact: (id: number) => void }) {
  const parameters = Object.entries(values.parameters);
  const artifacts = Object.entries(values.artifacts);
  return (
    <Spaced>
      {parameters.map(([name, value]) => (
        <span key={name} title={formatValue(value)}>
          <code className="muted">{shortName(name)}</code> <span className="number">{brief(formatValue(value))}</span>
        </span>
      ))}
      {artifacts.map(([name, list]) => (
        <span key={name}>
          {list.length > 1 ? <code className="muted">{shortName(name)}</code> : null}
          {list.slice(0, 3).map((artifact, index) => (
            <Fragment key={artifact.id}>
              {list.length > 1 ? " " : null}
              <button type="button" className="link mono" onClick={() => onArtifact(artifact.id)}>
                {list.length > 1 ? `[${index}]` : shortName(name)}
              </button>
            </Fragment>
          ))}
          {list.length > 3 ? <span className="muted"> +{list.length - 3}</span> : null}
          {list.length === 1 ? (
            <span className="muted">
              {" "}
              <Bytes size={list[0]?.size} />
            </span>
          ) : null}
        </span>
      ))}
    </Spaced>
  );
}

const brief = (text: string): string => (text.length > 48 ? `${text.slice(0, 47)}…` : text);
const shortName = (name: string): string => name.replace(/^pipelinechannel--/, "");

const Spaced = ({ children }: { readonly children: React.ReactNode }) => <span className="spaced">{children}</span>;

export function ValuesSection({
  title,
  values,
  t,
  onArtifact,
}: {
  readonly title: string;
  readonly values: TaskValues | undefined;
  readonly t: Words;
  readonly onArtifact: (id: number) => void;
}) {
  return (
    <section className="panel-section">
      <h3>{title}</h3>
      {!values || isEmpty(values) ? <p className="faint">{t("fact.none")}</p> : null}
      {values ? (
        <DefinitionList
          items={[
            ...Object.entries(values.parameters).map(
              ([name, value]) =>
                [
                  shortName(name),
                  <code key={name} className="value">
                    {typeof value === "string" ? value : JSON.stringify(value, undefined, 1)}
                  </code>,
                ] as const,
            ),
            ...Object.entries(values.artifacts).map(
              ([name, list]) =>
                [shortName(name), <ArtifactLinks key={name} list={list} onArtifact={onArtifact} />] as const,
            ),
          ]}
        />
      ) : null}
    </section>
  );
}

function ArtifactLinks({
  list,
  onArtifact,
}: {
  readonly list: readonly TaskArtifact[];
  readonly onArtifact: (id: number) => void;
}) {
  return (
    <>
      {list.map((artifact) => (
        <div key={artifact.id}>
          <button type="button" className="link mono" title={artifact.uri} onClick={() => onArtifact(artifact.id)}>
            {artifact.uri.split("/").at(-1) || artifact.name}
          </button>{" "}
          <span className="muted">
            {typeName(artifact.type)} <Bytes size={artifact.size} />
          </span>
        </div>
      ))}
    </>
  );
}

function TaskLog({ node, run, t }: { readonly node: RunNode; readonly run: RunPlace; readonly t: Words }) {
  const { task, state } = node;
  const { request } = useKit();
  const attempts = task?.status.attempts ?? [];
  const [chosen, setChosen] = useState<string>();
  const attempt = attempts.find((it) => String(it.n) === chosen) ?? attempts.at(-1);
  if (!attempt) {
    const from = task?.status.cachedFrom;
    return (
      <div className="panel-section muted">
        <p>{t(from ? "log.cached" : state === "skipped" || state === "cancelled" ? "log.never" : "log.none")}</p>
        {from ? <Link to={`/runs/details/${from.run}/execution/${from.task}`}>{t("log.cachedLink")}</Link> : null}
      </div>
    );
  }
  return (
    <LogView
      key={attempt.pod}
      lead={
        attempts.length > 1 ? (
          <Switch
            label={t("tab.attempts")}
            value={String(attempt.n)}
            onChange={setChosen}
            options={attempts.map((it, index) => ({
              value: String(it.n),
              label: t("attempt.label", { n: index + 1 }),
            }))}
          />
        ) : null
      }
      source={attempt.pod}
      open={openLog(request, run, attempt.pod)}
      fileName={`${attempt.pod}.log`}
      what={t("log.failed", { pod: attempt.pod })}
    />
  );
}

const attemptStates: Readonly<Record<TaskAttempt["state"], State>> = {
  CREATED: "pending",
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  LOST: "degraded",
  CANCELED: "cancelled",
};

function Attempts({ attempts, t }: { readonly attempts: readonly TaskAttempt[]; readonly t: Words }) {
  if (attempts.length === 0) return <p className="panel-section muted">{t("attempt.none")}</p>;
  return (
    <>
      {attempts.map((attempt, index) => (
        <section key={attempt.n} className="panel-section">
          <h3>{t("attempt.label", { n: index + 1 })}</h3>
          <DefinitionList
            items={[
              [t("column.state"), <StateLabel state={attemptStates[attempt.state]} detail={attempt.reason} />],
              [t("column.why"), attempt.state === "LOST" ? t("why.lost") : attempt.message || undefined],
              [
                t("fact.exitCode"),
                attempt.exitCode === undefined ? undefined : <span className="number">{attempt.exitCode}</span>,
              ],
              [
                t("fact.duration"),
                attempt.startedAt === undefined ? undefined : (
                  <Duration from={attempt.startedAt} to={attempt.finishedAt} />
                ),
              ],
              [t("fact.started"), attempt.startedAt === undefined ? undefined : <Time at={attempt.startedAt} />],
              [t("fact.pod"), <CopyId id={attempt.pod} short={false} />],
            ]}
          />
        </section>
      ))}
    </>
  );
}
