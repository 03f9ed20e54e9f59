import { DefinitionList, EmptyState, GraphView, Split, useMessages, useQueryItem } from "@headrace/ui-kit";
import { useMemo, useState } from "react";
import { pipelineMessages } from "./messages.ts";
import { PanelHead } from "./panel-head.tsx";
import { readPipelineSpec } from "./pipeline-spec.ts";
import { pipelinesMessages } from "./pipelines-messages.ts";
import { plannedTask, type PlannedPort, type PlannedTask } from "./planned-task.ts";
import { graphModel } from "./run-graph-model.ts";
import { buildRunTree, findNode, flatten, isGroup, type RunNode } from "./run-tree.ts";
import { sayLabel } from "./run-words.ts";
import type { PipelineWords } from "./pipelines-page.tsx";

/** A compiled pipeline as a graph, with a panel for the chosen step. The choice stands in the address as `task`. */
export function PlanGraph({ spec }: { readonly spec: unknown }) {
  const t = useMessages(pipelinesMessages);
  const words = useMessages(pipelineMessages);
  const tree = useMemo(() => {
    const plan = readPipelineSpec(spec);
    return plan && buildRunTree(plan, []);
  }, [spec]);
  const [chosen, setChosen] = useQueryItem("task");
  const [open, setOpen] = useState<Readonly<Record<string, boolean>>>({});
  const selected = tree && chosen !== "" ? findNode(tree, `root/${chosen}`) : undefined;
  const model = useMemo(
    () =>
      tree &&
      graphModel(tree, {
        open,
        shown: {},
        planned: true,
        label: (node) => sayLabel(node, words),
        detail: (node) => sayPlan(node, plannedTask(spec, node.path), t),
      }),
    [tree, spec, open, words, t],
  );
  if (!tree || !model) return <EmptyState sentence={t("graph.none")} />;
  const select = (path: string | undefined): void => setChosen(path?.replace(/^root\//, "") ?? "");
  return (
    <Split
      name="plan"
      panel={
        selected ? (
          <StepPanel
            node={selected}
            task={plannedTask(spec, selected.path)}
            label={sayLabel(selected, words)}
            t={t}
            onSelect={select}
            onClose={() => select(undefined)}
          />
        ) : undefined
      }
    >
      <GraphView
        nodes={model.nodes}
        edges={model.edges}
        selected={selected?.path}
        onSelect={select}
        onToggle={(id) => {
          const isOpen = model.nodes.find((node) => node.id === id)?.frame === "open";
          setOpen({ ...open, [id]: !isOpen });
          if (isOpen && selected?.path.startsWith(`${id}/`)) select(id);
        }}
        onIteration={() => undefined}
      />
    </Split>
  );
}

/** The second line of a step: what it runs in, and what is unusual about it. */
function sayPlan(node: RunNode, task: PlannedTask | undefined, t: PipelineWords): string {
  if (isGroup(node)) return t("detail.steps", { count: flatten(node).filter(({ node: it }) => !isGroup(it)).length });
  if (!task) return "";
  if (task.importedType !== undefined) return t("detail.imports", { what: task.importedType });
  const parts = [task.image?.replace(/^.*\/(?=[^/]+$)/, "") ?? ""];
  if (task.retries > 0) parts.push(t("detail.retries", { count: task.retries }));
  else if (!task.cached) parts.push(t("detail.noCache"));
  return parts.filter(Boolean).join(" · ");
}

function StepPanel({
  node,
  task,
  label,
  t,
  onSelect,
  onClose,
}: {
  readonly node: RunNode;
  readonly task: PlannedTask | undefined;
  readonly label: string;
  readonly t: PipelineWords;
  readonly onSelect: (path: string) => void;
  readonly onClose: () => void;
}) {
  const parent = node.path.slice(0, node.path.lastIndexOf("/"));
  return (
    <>
      <PanelHead onClose={onClose}>
        <h2>{label}</h2>
      </PanelHead>
      <div className="panel-body">
        <div className="panel-facts">
          <DefinitionList
            items={[
              [t("step.condition"), node.condition === undefined ? undefined : <code>{node.condition}</code>],
              [t("step.items"), node.loopsOver === undefined ? undefined : <code>{node.loopsOver}</code>],
              ...(task ? taskFacts(task, isGroup(node), t) : []),
              [
                t("step.after"),
                node.dependsOn.length === 0 ? undefined : (
                  <span className="spaced">
                    {node.dependsOn.map((name) => (
                      <button
                        key={name}
                        type="button"
                        className="link mono"
                        onClick={() => onSelect(`${parent}/${name}`)}
                      >
                        {name}
                      </button>
                    ))}
                  </span>
                ),
              ],
            ]}
          />
        </div>
        {task ? (
          <>
            <Ports title={t("step.inputs")} ports={task.inputs} t={t} />
            <Ports title={t("step.outputs")} ports={task.outputs} t={t} />
            {task.code === undefined ? null : (
              <section className="panel-section">
                <h3>{t("step.code")}</h3>
                <pre className="source">{task.code}</pre>
              </section>
            )}
          </>
        ) : null}
      </div>
    </>
  );
}

function taskFacts(task: PlannedTask, group: boolean, t: PipelineWords): (readonly [string, React.ReactNode])[] {
  const code = (text: string | undefined) => (text === undefined || text === "" ? undefined : <code>{text}</code>);
  return [
    [t("step.image"), code(task.image)],
    [t("step.packages"), code(task.packages.join("  "))],
    [t("step.uri"), code(task.importedUri)],
    [t("step.type"), code(task.importedType)],
    [
      t("step.command"),
      task.command.length === 0 ? undefined : <code className="value">{task.command.join(" ")}</code>,
    ],
    [t("step.resources"), code(task.resources.join(", "))],
    [
      t("step.environment"),
      task.environment.length === 0 ? undefined : (
        <code className="value">{task.environment.map(([name, value]) => `${name}=${value}`).join("\n")}</code>
      ),
    ],
    [t("step.retries"), task.retries === 0 ? undefined : String(task.retries)],
    [t("step.parallel"), task.parallelism === 0 ? undefined : String(task.parallelism)],
    [t("step.cache"), group || task.cached || task.importedType !== undefined ? undefined : t("step.cacheOff")],
    [t("step.always"), task.runsAlways ? t("step.alwaysYes") : undefined],
  ];
}

function Ports({
  title,
  ports,
  t,
}: {
  readonly title: string;
  readonly ports: readonly PlannedPort[];
  readonly t: PipelineWords;
}) {
  return (
    <section className="panel-section">
      <h3>{title}</h3>
      {ports.length === 0 ? (
        <p className="faint">{t("step.none")}</p>
      ) : (
        <dl className="facts">
          {ports.map((port) => (
            <div key={port.name}>
              <dt className="mono">{port.name.replace(/^pipelinechannel--/, "")}</dt>
              <dd title={port.description}>
                {port.source === undefined ? null : <code>{port.source}</code>}{" "}
                <span className="faint">{port.type}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
