import {
  DefinitionList,
  EmptyState,
  ErrorPanel,
  GraphView,
  Link,
  Skeleton,
  Split,
  StateMark,
  useAnswer,
  useKit,
  useMessages,
  useQueryItem,
  type GraphEdge,
  type GraphNode,
  type State,
} from "@headrace/ui-kit";
import { useMemo } from "react";
import { typeName } from "./artifacts.ts";
import { edgeAsker } from "./lineage-api.ts";
import { walkLineage, type LineageArtifact, type LineageEdge, type LineageTask } from "./lineage.ts";
import { PanelHead } from "./panel-head.tsx";
import { resultMessages } from "./results-messages.ts";
import { stateOfTask } from "./state.ts";

const reach = { depth: 6, most: 400 } as const;

/** Where an artifact comes from and what became of it, as one graph from left to right. */
export function LineageView({ uid }: { readonly uid: string }) {
  const t = useMessages(resultMessages);
  const { request } = useKit();
  const [chosen, setChosen] = useQueryItem("node");
  const answer = useAnswer(uid, (signal) => walkLineage(uid, edgeAsker(request, signal), reach));
  const graph = useMemo(
    () => (answer.state === "ready" ? lineageGraph(answer.value.edges, uid) : undefined),
    [answer, uid],
  );
  if (answer.state === "failed")
    return <ErrorPanel what={t("lineage.failed")} error={answer.error} onRetry={answer.retry} />;
  if (answer.state === "loading" || !graph) return <Skeleton rows={6} />;
  if (graph.nodes.length === 0) return <EmptyState sentence={t("lineage.alone")} />;
  const selected = graph.things.get(chosen);
  return (
    <Split name="lineage" panel={selected ? <ThingPanel thing={selected} onClose={() => setChosen("")} /> : undefined}>
      <GraphView
        nodes={graph.nodes}
        edges={graph.edges}
        selected={chosen === "" ? undefined : chosen}
        focus={artifactId(uid)}
        onSelect={(id) => setChosen(id ?? "")}
        onToggle={() => undefined}
        onIteration={() => undefined}
        tools={answer.value.cut ? <span className="faint">{t("lineage.cut", { count: reach.most })}</span> : null}
      />
    </Split>
  );
}

type Thing =
  | { readonly kind: "artifact"; readonly artifact: LineageArtifact; readonly name: string }
  | { readonly kind: "task"; readonly task: LineageTask };

interface LineageGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly things: ReadonlyMap<string, Thing>;
}

const artifactId = (uid: string): string => `artifact ${uid}`;
const taskId = (uid: string): string => `task ${uid}`;

function lineageGraph(found: readonly LineageEdge[], start: string): LineageGraph {
  const things = new Map<string, Thing>();
  const nodes = new Map<string, GraphNode>();
  // An artifact is called as its maker calls it.
  for (const { artifact, task, port } of found.toSorted((a, b) =>
    a.direction === b.direction ? 0 : a.direction === "out" ? -1 : 1,
  )) {
    const [made, step] = [artifactId(artifact.uid), taskId(task.uid)];
    if (!nodes.has(made)) {
      things.set(made, { kind: "artifact", artifact, name: port });
      const label = port.replace(/^pipelinechannel--/, "");
      nodes.set(made, {
        id: made,
        label,
        detail: typeName(artifact.type),
        look: artifact.uid === start ? "thing-here" : "thing",
      });
    }
    if (!nodes.has(step)) {
      things.set(step, { kind: "task", task });
      nodes.set(step, { id: step, label: task.name, detail: task.runName, state: stateOf(task) });
    }
  }
  const edges = found.map(({ artifact, task, direction }): GraphEdge => {
    const [made, step] = [artifactId(artifact.uid), taskId(task.uid)];
    return direction === "out" ? { from: step, to: made } : { from: made, to: step };
  });
  return { nodes: [...nodes.values()], edges: distinct(edges), things };
}

function distinct(edges: readonly GraphEdge[]): readonly GraphEdge[] {
  return [...new Map(edges.map((edge) => [`${edge.from} ${edge.to}`, edge])).values()];
}

const stateOf = ({ state }: LineageTask): State => stateOfTask(state) ?? "pending";

function ThingPanel({ thing, onClose }: { readonly thing: Thing; readonly onClose: () => void }) {
  const t = useMessages(resultMessages);
  return (
    <>
      <PanelHead onClose={onClose}>
        {thing.kind === "task" ? <StateMark state={stateOf(thing.task)} size={14} /> : null}
        <h2>{thing.kind === "task" ? thing.task.name : thing.name}</h2>
      </PanelHead>
      <div className="panel-body">
        <div className="panel-facts">
          {thing.kind === "task" ? (
            <DefinitionList
              items={[
                [
                  t("fact.run"),
                  <Link key="run" to={runOf(thing.task)}>
                    {thing.task.runName}
                  </Link>,
                ],
                [t("column.step"), <code key="key">{thing.task.key}</code>],
              ]}
            />
          ) : (
            <DefinitionList items={[[t("fact.type"), typeName(thing.artifact.type)]]} />
          )}
        </div>
        <p className="panel-section spaced">
          {thing.kind === "task" ? (
            <Link to={`/executions/${thing.task.number}`}>{t("lineage.open")}</Link>
          ) : (
            <>
              <Link to={`/artifacts/${thing.artifact.number}`}>{t("lineage.open")}</Link>
              <Link to={`/artifacts/${thing.artifact.number}/lineage`}>{t("lineage.centre")}</Link>
            </>
          )}
        </p>
      </div>
    </>
  );
}

/** The page of a run with this step selected. */
export const runOf = ({ run, key }: Pick<LineageTask, "run" | "key">): string =>
  `/runs/details/${run}?task=${encodeURIComponent(key.replace(/^root\//, ""))}`;
