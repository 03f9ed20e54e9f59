import { memo, useMemo } from "react";
import { middleEllipsis } from "./format.ts";
import { frameSize, type GraphLayout, type Placed, type PlacedEdge } from "./graph-layout.ts";
import { type GraphEdge, type GraphNode, outlines, overlaps, stateClass } from "./graph-node.ts";
import { roundedPath } from "./graph-route.ts";
import { stateKey } from "./kit-messages.ts";
import { useKitMessages } from "./kit.tsx";
import { StateShape } from "./marks.tsx";
import type { State } from "./state.ts";

/** What is pressed in the drawing. */
export interface GraphHandlers {
  readonly onSelect: (id: string | undefined) => void;
  readonly onToggle: (id: string) => void;
  readonly onIteration: (id: string, index: number) => void;
}

interface DrawingProps extends GraphHandlers {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly layout: GraphLayout;
  readonly selected: string | undefined;
  /** Nodes that decided how long the whole took; the others step back. */
  readonly emphasised: ReadonlySet<string> | undefined;
  /** What is near the screen, and whether it is too small for words. */
  readonly cull: Placed & { readonly simple: boolean };
}

/** Frames, edges and nodes, as far as they are near the screen. */
export const Drawing = memo(function Drawing({
  nodes,
  edges,
  layout,
  cull,
  selected,
  onSelect,
  onToggle,
  onIteration,
  emphasised,
}: DrawingProps) {
  const looks = useMemo(() => new Map(edges.map((edge) => [`${edge.from} ${edge.to}`, edge])), [edges]);
  const paths = useMemo(() => edgePaths(layout.edges, cull, selected, looks), [layout, cull, selected, looks]);
  const visible = nodes.filter((node) => overlaps(layout.nodes[node.id], cull));
  const frames = visible.filter((node) => node.frame === "open");
  const leaves = visible.filter((node) => node.frame !== "open");
  const dimmed = (id: string): boolean => emphasised !== undefined && !emphasised.has(id);
  return (
    <>
      {frames.map((node) => (
        <Frame
          key={node.id}
          node={node}
          box={layout.nodes[node.id]}
          simple={cull.simple}
          selected={node.id === selected}
          dimmed={dimmed(node.id)}
          onSelect={onSelect}
          onToggle={onToggle}
          onIteration={onIteration}
        />
      ))}
      <path className={cull.simple ? "edge edge-simple" : "edge"} d={paths.plain} />
      <path className="edge edge-dashed" d={paths.dashed} />
      <path className="edge edge-active" d={paths.active} />
      {cull.simple ? (
        <SimpleLeaves layout={layout} nodes={leaves} selected={selected} dimmed={dimmed} onSelect={onSelect} />
      ) : (
        leaves.map((node) => (
          <Leaf
            key={node.id}
            node={node}
            box={layout.nodes[node.id]}
            selected={node.id === selected}
            dimmed={dimmed(node.id)}
            onSelect={onSelect}
            onToggle={onToggle}
          />
        ))
      )}
    </>
  );
});

/** Nodes too small to be read: one path for all that look the same, so that thousands move as smoothly as ten. */
function SimpleLeaves({
  layout,
  nodes,
  selected,
  dimmed,
  onSelect,
}: {
  readonly layout: GraphLayout;
  readonly nodes: readonly GraphNode[];
  readonly selected: string | undefined;
  readonly dimmed: (id: string) => boolean;
  readonly onSelect: (id: string) => void;
}) {
  const looks = outlines(layout, nodes, (node) =>
    node.id === selected
      ? `node selected ${stateClass(node)}`
      : `node ${stateClass(node)}${dimmed(node.id) ? " dimmed" : ""}`,
  );
  const pick = (event: React.MouseEvent<SVGGElement>): void => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
      event.currentTarget.getScreenCTM()?.inverse(),
    );
    const found = nodes.find((node) => overlaps(layout.nodes[node.id], { x: at.x, y: at.y, width: 0, height: 0 }));
    if (found) onSelect(found.id);
  };
  return (
    <g onClick={pick}>
      {[...looks].map(([look, path]) => (
        <path key={look} className={`${look} simple`} d={path} />
      ))}
    </g>
  );
}

interface NodeProps {
  readonly node: GraphNode;
  readonly box: Placed | undefined;
  readonly selected: boolean;
  readonly dimmed: boolean;
  readonly onSelect: (id: string) => void;
  readonly onToggle: (id: string) => void;
}

const Leaf = memo(function Leaf({ node, box, selected, dimmed, onSelect, onToggle }: NodeProps) {
  const t = useKitMessages();
  if (!box) return null;
  const look = node.look === undefined ? "" : ` node-${node.look}`;
  const className = `node ${stateClass(node)}${look}${selected ? " selected" : ""}${dimmed ? " dimmed" : ""}`;
  const start = node.state ? 32 : 12;
  return (
    <g
      className={className}
      transform={`translate(${box.x} ${box.y})`}
      role="button"
      aria-pressed={selected}
      aria-label={nodeLabel(node, t)}
      data-node={node.id}
      onClick={() => onSelect(node.id)}
      onDoubleClick={() => node.frame && onToggle(node.id)}
    >
      <title>{nodeLabel(node, t)}</title>
      {node.frame ? <rect className="node-stack" x="4" y="4" width={box.width} height={box.height} rx="4" /> : null}
      <rect
        className="node-box"
        width={box.width}
        height={box.height}
        rx={node.look === undefined ? 4 : box.height / 2}
      />
      {node.state ? (
        <g transform="translate(12 12)">
          <StateShape state={node.state} />
        </g>
      ) : null}
      <text className="node-name" x={start} y="22.5">
        {middleEllipsis(node.label, node.frame ? 20 : 24)}
      </text>
      <text className="node-detail" x={start} y="40">
        {middleEllipsis(node.detail, 28)}
      </text>
      {node.frame ? (
        <Chevron
          x={box.width - 26}
          y={4}
          points="right"
          open={false}
          label={t("graph.open", { name: node.label })}
          onClick={() => onToggle(node.id)}
        />
      ) : null}
      {node.state === "running" ? <Progress box={box} progress={node.progress} /> : null}
    </g>
  );
});

/** Name, state and the rest, as far as there is any. */
function nodeLabel(node: GraphNode, t: ReturnType<typeof useKitMessages>): string {
  return [node.label, node.state && t(stateKey(node.state)), node.detail].filter(Boolean).join(", ");
}

function Progress({ box, progress }: { readonly box: Placed; readonly progress: number | undefined }) {
  const y = box.height - 1.5;
  return (
    <>
      <path className="node-progress-track" d={`M2 ${y}H${box.width - 2}`} />
      {progress === undefined ? (
        <path className="node-progress node-progress-open" pathLength="100" d={`M2 ${y}H${box.width - 2}`} />
      ) : (
        <path className="node-progress" d={`M2 ${y}H${2 + (box.width - 4) * progress}`} />
      )}
    </>
  );
}

function Frame({
  node,
  box,
  simple,
  selected,
  dimmed,
  onSelect,
  onToggle,
  onIteration,
}: NodeProps & { readonly simple: boolean; readonly onIteration: (id: string, index: number) => void }) {
  const t = useKitMessages();
  if (!box) return null;
  // The name counts for more than what is said of it, which stands on hover too.
  const roomFor = (detail: string): number => Math.floor((box.width - 70 - detail.length * 6.6) / 7);
  const detail = roomFor(node.detail) < Math.min(node.label.length, 16) ? "" : node.detail;
  return (
    <g
      className={`frame${selected ? " selected" : ""}${dimmed ? " dimmed" : ""}`}
      transform={`translate(${box.x} ${box.y})`}
      data-node={node.id}
    >
      <rect className="frame-box" width={box.width} height={box.height} rx="4" onClick={() => onSelect(node.id)} />
      <g
        role="button"
        aria-label={nodeLabel(node, t)}
        onClick={() => onSelect(node.id)}
        onDoubleClick={() => onToggle(node.id)}
      >
        <path
          className="frame-head"
          d={`M.5 ${frameSize.head}V4.5a4 4 0 0 1 4-4H${box.width - 4.5}a4 4 0 0 1 4 4V${frameSize.head}z`}
        />
        {simple ? null : (
          <>
            <title>{nodeLabel(node, t)}</title>
            {node.state ? (
              <g transform="translate(28 8)">
                <StateShape state={node.state} />
              </g>
            ) : null}
            <text className="frame-name" x={node.state ? 47 : 28} y="18.5">
              {middleEllipsis(node.label, roomFor(detail))}
            </text>
            <text className="node-detail" x={box.width - 12} y="18.5" textAnchor="end">
              {detail}
            </text>
          </>
        )}
      </g>
      {simple ? null : (
        <Chevron
          x={4}
          y={4}
          points="down"
          open
          label={t("graph.close", { name: node.label })}
          onClick={() => onToggle(node.id)}
        />
      )}
      {node.iterations && !simple ? (
        <Iterations node={node} iterations={node.iterations} width={box.width} onIteration={onIteration} />
      ) : null}
    </g>
  );
}

function Iterations({
  node,
  iterations,
  width,
  onIteration,
}: {
  readonly node: GraphNode;
  readonly iterations: NonNullable<GraphNode["iterations"]>;
  readonly width: number;
  readonly onIteration: (id: string, index: number) => void;
}) {
  const t = useKitMessages();
  const count = iterations.states.length;
  const whole = width - 2 * frameSize.padding;
  // Bars keep a size that can be hit; more iterations than fit scroll with the shown one in the middle, and have arrows.
  const step = Math.max(10, Math.min(30, whole / Math.max(1, count)));
  const turns = count * step > whole + 1;
  const fits = Math.floor((turns ? whole - 2 * turnWidth : whole) / step);
  const first = Math.max(0, Math.min(count - fits, iterations.shown - Math.floor(fits / 2)));
  const left = frameSize.padding + (turns ? turnWidth : 0);
  const turn = (by: number): void => onIteration(node.id, Math.max(0, Math.min(count - 1, iterations.shown + by)));
  return (
    <g className="iterations" role="listbox" aria-label={node.label}>
      {turns ? (
        <>
          {/* As many further as the strip shows. */}
          <Chevron
            x={frameSize.padding - 4}
            y={frameSize.head + 7}
            points="left"
            label={t("graph.earlier")}
            onClick={() => turn(-fits)}
          />
          <Chevron
            x={width - frameSize.padding - 16}
            y={frameSize.head + 7}
            points="right"
            label={t("graph.later")}
            onClick={() => turn(fits)}
          />
        </>
      ) : null}
      {iterations.states.slice(first, first + fits).map((state, offset) => {
        const index = first + offset;
        const x = left + offset * step;
        const label = t("graph.iteration", { n: index + 1, state: t(stateKey(state)) });
        return (
          <g
            key={index}
            role="option"
            aria-selected={index === iterations.shown}
            aria-label={label}
            className={`iteration state-${state}`}
            transform={`translate(${x} ${frameSize.head + 9})`}
            onClick={() => onIteration(node.id, index)}
          >
            <title>{label}</title>
            <rect className="iteration-hit" width={step} height="24" y="-4" />
            <path className="iteration-bar" d={barShape(step - 4, state)} />
            {index === iterations.shown ? (
              <rect className="iteration-shown" x="-2.5" y="-2.5" width={step + 1} height="21" rx="3" />
            ) : null}
          </g>
        );
      })}
    </g>
  );
}

const turnWidth = 20;

/** The bar's top carries the state's shape: a failure is pointed, so that colour is not alone. */
function barShape(width: number, state: State): string {
  if (state === "failed") return `M0 5L${width / 2} 0L${width} 5V16H0z`;
  if (state === "running") return `M0 5H${width}V16H0z`;
  return `M2 0H${width - 2}a2 2 0 0 1 2 2V14a2 2 0 0 1-2 2H2a2 2 0 0 1-2-2V2a2 2 0 0 1 2-2z`;
}

/** Arrows in a square of 20. */
const chevrons = { down: "M6 8.5l4 4 4-4", left: "M11 6l-4 4 4 4", right: "M8.5 6l4 4-4 4" } as const;

/** An arrow in the drawing that can be pressed; what it lies on does not notice. */
function Chevron({
  x,
  y,
  points,
  label,
  open,
  onClick,
}: {
  readonly x: number;
  readonly y: number;
  readonly points: keyof typeof chevrons;
  readonly label: string;
  /** Of what it opens and closes. */
  readonly open?: boolean;
  readonly onClick: () => void;
}) {
  return (
    <g
      className="chevron"
      transform={`translate(${x} ${y})`}
      role="button"
      aria-label={label}
      aria-expanded={open}
      onClick={(event) => {
        event.stopPropagation();
        onClick();
      }}
      onDoubleClick={(event) => event.stopPropagation()}
    >
      <title>{label}</title>
      <rect width="20" height="20" rx="3" />
      <path d={chevrons[points]} />
    </g>
  );
}

function edgePaths(
  edges: readonly PlacedEdge[],
  cull: Placed,
  selected: string | undefined,
  looks: ReadonlyMap<string, GraphEdge>,
): { readonly plain: string; readonly dashed: string; readonly active: string } {
  const paths = { plain: "", dashed: "", active: "" };
  for (const edge of edges) {
    if (!edge.points.length || !overlaps(boundsOf(edge), cull)) continue;
    const touches = edge.from === selected || edge.to === selected;
    const look = looks.get(`${edge.from} ${edge.to}`);
    const dashed = look?.dashed === true;
    paths[touches || look?.emphasised === true ? "active" : dashed ? "dashed" : "plain"] += roundedPath(edge.points, 6);
  }
  return paths;
}

function boundsOf(edge: PlacedEdge): Placed {
  const xs = edge.points.map((point) => point.x);
  const ys = edge.points.map((point) => point.y);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}
