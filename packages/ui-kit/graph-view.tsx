import {
  memo,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
} from "react";
import { neighbour, frameSize, type GraphLayout, type Placed, type PlacedEdge } from "./graph-layout.ts";
import type { LayoutAnswer, LayoutRequest } from "./graph-layout-worker.ts";
import { roundedPath } from "./graph-route.ts";
import { middleEllipsis } from "./format.ts";
import { useKitMessages } from "./kit.tsx";
import { stateKey } from "./kit-messages.ts";
import { StateShape } from "./marks.tsx";
import type { State } from "./state.ts";

export interface GraphNode {
  readonly id: string;
  readonly parent?: string;
  readonly label: string;
  /** The second line: duration, tries, cache. */
  readonly detail: string;
  /** Absent for what is only planned: the node carries no mark. */
  readonly state?: State;
  /** A node that holds others: open in place, or closed to the size of a node. */
  readonly frame?: "open" | "closed";
  /** A loop: the state of each iteration, and which of them the frame shows. */
  readonly iterations?: { readonly states: readonly State[]; readonly shown: number };
  /** 0 to 1, where it is known. */
  readonly progress?: number;
  /** A thing among steps is drawn round; the one that the graph is about stands out. */
  readonly look?: "thing" | "thing-here";
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** The condition was false, or the source never ran. */
  readonly dashed?: boolean;
  /** Drawn like the edges of the selected node. */
  readonly emphasised?: boolean;
}

export interface GraphViewProps {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly selected: string | undefined;
  readonly onSelect: (id: string | undefined) => void;
  readonly onToggle: (id: string) => void;
  readonly onIteration: (id: string, index: number) => void;
  /** Nodes that decided how long the whole took; the others step back. */
  readonly emphasised?: ReadonlySet<string> | undefined;
  /** The node that a first look at a part of the graph is around; else what failed, waits or runs. */
  readonly focus?: string | undefined;
  /** Placed over the upper left corner. */
  readonly tools?: ReactNode;
}

interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** `readable` is the least at which a first look at the whole still reads names; a look at a part is at `close`. */
const scales = { least: 0.02, most: 2, fit: 1, readable: 0.58, close: 0.8, simple: 0.28 } as const;
const cullStep = 256;

/** Layout in a worker; until the next one arrives the last one stands. */
function useLayout(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): GraphLayout | undefined {
  const [layout, setLayout] = useState<GraphLayout>();
  // One request is under way at a time; of those that come meanwhile only the last is worth an answer.
  const desk = useRef<{ worker?: Worker; busy: boolean; next?: LayoutRequest | undefined }>({ busy: false });
  const ask = useCallback((request: LayoutRequest): void => {
    const { worker, busy } = desk.current;
    desk.current.next = worker && !busy ? undefined : request;
    if (!worker || busy) return;
    desk.current.busy = true;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin to name
    worker.postMessage(request);
  }, []);
  useEffect(() => {
    const created = new Worker(new URL("./graph-layout-worker.ts", import.meta.url), { type: "module" });
    created.addEventListener("message", (event: MessageEvent<LayoutAnswer>) => {
      setLayout(event.data.layout);
      desk.current.busy = false;
      if (desk.current.next) ask(desk.current.next);
    });
    desk.current = { worker: created, busy: false, next: desk.current.next };
    if (desk.current.next) ask(desk.current.next);
    return () => {
      created.terminate();
      desk.current = { busy: false };
    };
  }, [ask]);
  const structure = useMemo(
    () =>
      JSON.stringify([
        nodes.map((node) => [node.id, node.parent, node.frame === "open", node.iterations !== undefined]),
        edges.map((edge) => [edge.from, edge.to]),
      ]),
    [nodes, edges],
  );
  useEffect(() => {
    const request: LayoutRequest = {
      nodes: nodes.map((node) => ({
        id: node.id,
        ...(node.parent !== undefined && { parent: node.parent }),
        open: node.frame === "open",
        strip: node.iterations !== undefined,
      })),
      edges: edges.map(({ from, to }) => ({ from, to })),
    };
    ask(request);
    // The structure alone decides: a change of state lays nothing out anew.
  }, [structure]);
  return layout;
}

/** The same objects again for what did not change, so that a tick of the clock draws only the nodes that show a time. */
function useUnchanged<Item>(items: readonly Item[]): readonly Item[] {
  const before = useRef<{ readonly texts: readonly string[]; readonly items: readonly Item[] }>({
    texts: [],
    items: [],
  });
  return useMemo(() => {
    const last = before.current;
    const texts = items.map((item) => JSON.stringify(item));
    const kept = items.map((item, index) => (texts[index] === last.texts[index] ? (last.items[index] ?? item) : item));
    const same = kept.length === last.items.length && kept.every((item, index) => item === last.items[index]);
    before.current = { texts, items: same ? last.items : kept };
    return before.current.items;
  }, [items]);
}

type Handlers = Pick<GraphViewProps, "onSelect" | "onToggle" | "onIteration">;

/** Handlers that stay the same functions and always call the latest ones. */
function useSteady(props: Handlers): Handlers {
  const latest = useRef<Handlers>(props);
  useLayoutEffect(() => {
    latest.current = props;
  });
  return useMemo(
    () => ({
      onSelect: (id) => latest.current.onSelect(id),
      onToggle: (id) => latest.current.onToggle(id),
      onIteration: (id, index) => latest.current.onIteration(id, index),
    }),
    [],
  );
}

export function GraphView(props: GraphViewProps) {
  const { selected, emphasised, focus, tools } = props;
  const nodes = useUnchanged(props.nodes);
  const edges = useUnchanged(props.edges);
  const { onSelect, onToggle, onIteration } = useSteady(props);
  const t = useKitMessages();
  const layout = useLayout(nodes, edges);
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<SVGGElement>(null);
  const lens = useRef<SVGRectElement>(null);
  const view = useRef<View>({ x: 0, y: 0, scale: 1 });
  /** Whether some of the drawing lies outside of the view, so that a map and a way to see all of it help. */
  const [beyond, setBeyond] = useState(false);
  const size = useRef<{ readonly width: number; readonly height: number }>(undefined);
  const extent = useRef<GraphLayout>(undefined);
  extent.current = layout;
  const [cull, setCull] = useState<Placed & { readonly simple: boolean }>({
    x: -1e6,
    y: -1e6,
    width: 2e6,
    height: 2e6,
    simple: false,
  });

  /** Moves the drawing without React; React draws anew only when other nodes come into reach or the detail changes. */
  const show = useCallback((next: View): void => {
    view.current = next;
    // Asking the page for a size between two moves would lay it out at each of them.
    const box = size.current ?? host.current?.getBoundingClientRect();
    if (!box) return;
    canvas.current?.setAttribute("transform", `translate(${next.x} ${next.y}) scale(${next.scale})`);
    const [x, y, width, height] = [
      -next.x / next.scale,
      -next.y / next.scale,
      box.width / next.scale,
      box.height / next.scale,
    ];
    lens.current?.setAttribute("x", String(x));
    lens.current?.setAttribute("y", String(y));
    lens.current?.setAttribute("width", String(width));
    lens.current?.setAttribute("height", String(height));
    const step = cullStep / Math.min(1, next.scale);
    const left = Math.floor(x / step - 1) * step;
    const top = Math.floor(y / step - 1) * step;
    const wanted = {
      x: left,
      y: top,
      width: (Math.ceil(width / step) + 3) * step,
      height: (Math.ceil(height / step) + 3) * step,
      simple: next.scale < scales.simple,
    };
    setCull((before) => (JSON.stringify(before) === JSON.stringify(wanted) ? before : wanted));
    const drawn = extent.current;
    if (drawn) setBeyond(x > 1 || y > 1 || x + width < drawn.width - 1 || y + height < drawn.height - 1);
  }, []);

  const fit = useCallback((): void => {
    const room = roomIn(host.current);
    if (room && layout) show(fitted(layout, room));
  }, [layout, show]);

  // The first layout is fitted; later ones (a frame opened, tasks added) leave the reader where they were.
  const wasFitted = useRef(false);
  useLayoutEffect(() => {
    if (!layout) return;
    if (wasFitted.current) return show(view.current);
    wasFitted.current = true;
    const room = roomIn(host.current);
    if (room) show(firstView(layout, room, layout.nodes[selected ?? focus ?? mostUrgent(nodes)]));
    // What is selected or urgent at that moment decides the first view; afterwards the reader does.
  }, [layout, show]);
  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => {
      size.current = { width: element.clientWidth, height: element.clientHeight };
      show(view.current);
    });
    observer.observe(element);
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { x, y, scale } = view.current;
      if (event.ctrlKey || event.metaKey)
        show(zoomed(view.current, scale * Math.exp(-event.deltaY / 200), pointIn(element, event)));
      else if (event.shiftKey) show({ scale, y, x: x - event.deltaY - event.deltaX });
      else show({ scale, x: x - event.deltaX, y: y - event.deltaY });
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener("wheel", wheel);
    };
  }, [show]);

  // A map that has just appeared shows where the view stands.
  useLayoutEffect(() => {
    if (beyond) show(view.current);
  }, [beyond, show]);

  const reveal = useCallback(
    (id: string): void => {
      const box = host.current?.getBoundingClientRect();
      const node = layout?.nodes[id];
      if (box && node) show(revealed(view.current, node, box.width, box.height));
    },
    [layout, show],
  );
  useEffect(() => {
    if (selected !== undefined) reveal(selected);
  }, [selected, reveal]);

  const lookAt = useCallback(
    (x: number, y: number): void => {
      const { scale } = view.current;
      const { clientWidth = 0, clientHeight = 0 } = host.current ?? {};
      show({ scale, x: clientWidth / 2 - x * scale, y: clientHeight / 2 - y * scale });
    },
    [show],
  );
  const drag = useDrag(host, view, show, () => onSelect(undefined));
  const centre = (): { readonly x: number; readonly y: number } => ({
    x: (host.current?.clientWidth ?? 0) / 2,
    y: (host.current?.clientHeight ?? 0) / 2,
  });
  const zoomBy = (factor: number): void => show(zoomed(view.current, view.current.scale * factor, centre()));
  /** To the iteration before or after the shown one, of the innermost loop around the selection. */
  const turnLoop = (by: number): void => {
    const byId = new Map(nodes.map((it) => [it.id, it]));
    let loop = byId.get(selected ?? "");
    while (loop && loop.iterations === undefined) loop = byId.get(loop.parent ?? "");
    const next = (loop?.iterations?.shown ?? 0) + by;
    if (loop && next >= 0 && next < (loop.iterations?.states.length ?? 0)) onIteration(loop.id, next);
  };
  const keys = (event: KeyboardEvent<HTMLDivElement>): void => {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = ({ ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" } as const)[
      event.key
    ];
    const node = nodes.find((it) => it.id === selected);
    if (direction && layout) {
      const first = nodes.find((it) => layout.nodes[it.id])?.id;
      const leaves = Object.fromEntries(
        nodes.flatMap((it) =>
          it.frame !== "open" && layout.nodes[it.id] ? [[it.id, layout.nodes[it.id] as Placed]] : [],
        ),
      );
      const from = selected === undefined ? undefined : layout.nodes[selected];
      const next =
        selected === undefined || !from ? first : neighbour({ ...leaves, [selected]: from }, selected, direction);
      if (next !== undefined) onSelect(next);
    } else if (event.key === "Enter" && node?.frame) onToggle(node.id);
    else if (event.key === "[" || event.key === "]") turnLoop(event.key === "]" ? 1 : -1);
    else if (event.key === "f") fit();
    else if (event.key === "+" || event.key === "=") zoomBy(1.25);
    else if (event.key === "-") zoomBy(0.8);
    else if (event.key === "Escape") onSelect(undefined);
    else return;
    event.preventDefault();
  };

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- takes the focus for the arrow keys
    <div
      className="graph"
      ref={host}
      tabIndex={0}
      role="group"
      aria-label={t("graph.label", { count: nodes.length })}
      onKeyDown={keys}
      {...drag}
    >
      <svg className="graph-canvas" aria-busy={!layout}>
        <g ref={canvas}>
          {layout ? (
            <Drawing
              nodes={nodes}
              edges={edges}
              selected={selected}
              emphasised={emphasised}
              onSelect={onSelect}
              onToggle={onToggle}
              onIteration={onIteration}
              layout={layout}
              cull={cull}
            />
          ) : null}
        </g>
      </svg>
      <div className="graph-tools">{tools}</div>
      <div className="graph-zoom">
        <button type="button" title={t("graph.zoomOut")} aria-label={t("graph.zoomOut")} onClick={() => zoomBy(0.8)}>
          −
        </button>
        <button
          type="button"
          className={beyond ? "graph-fit" : undefined}
          title={t("graph.fit")}
          aria-label={t("graph.fit")}
          onClick={fit}
        >
          {t(beyond ? "graph.showAll" : "graph.fit").split(" (")[0]}
        </button>
        <button type="button" title={t("graph.zoomIn")} aria-label={t("graph.zoomIn")} onClick={() => zoomBy(1.25)}>
          +
        </button>
      </div>
      {layout && beyond ? (
        <Minimap layout={layout} nodes={nodes} lens={lens} label={t("graph.map")} onPoint={lookAt} />
      ) : null}
    </div>
  );
}

type DrawingProps = Omit<GraphViewProps, "tools"> & {
  readonly layout: GraphLayout;
  readonly cull: Placed & { readonly simple: boolean };
};

const Drawing = memo(function Drawing({
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

/** One path for all nodes that look the same, in the order in which looks occur. */
function outlines(
  layout: GraphLayout,
  nodes: readonly GraphNode[],
  lookOf: (node: GraphNode) => string,
): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const node of nodes) {
    const box = layout.nodes[node.id];
    if (!box) continue;
    const { x, y, width, height } = box;
    paths.set(lookOf(node), `${paths.get(lookOf(node)) ?? ""}M${x} ${y}h${width}v${height}h${-width}z`);
  }
  return paths;
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

const stateClass = (node: GraphNode): string => `state-${node.state ?? "none"}`;

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

const lookOnMap = (node: GraphNode): string => (node.frame === "open" ? "map-frame" : `map-node ${stateClass(node)}`);

const Minimap = memo(function Minimap({
  layout,
  nodes,
  lens,
  label,
  onPoint,
}: {
  readonly layout: GraphLayout;
  readonly nodes: readonly GraphNode[];
  readonly lens: React.RefObject<SVGRectElement | null>;
  readonly label: string;
  readonly onPoint: (x: number, y: number) => void;
}) {
  const point = (event: PointerEvent<SVGSVGElement>): void => {
    event.stopPropagation();
    if (event.buttons !== 1) return;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
      event.currentTarget.getScreenCTM()?.inverse(),
    );
    onPoint(at.x, at.y);
  };
  const looks = useMemo(() => outlines(layout, nodes, lookOnMap), [layout, nodes]);
  return (
    <svg
      className="minimap"
      style={{ aspectRatio: String(clampBetween(layout.width / layout.height, 1.6, 6)) }}
      aria-label={label}
      role="img"
      viewBox={`${-0.04 * layout.width} ${-0.04 * layout.height} ${layout.width * 1.08} ${layout.height * 1.08}`}
      preserveAspectRatio="xMidYMid meet"
      onPointerDown={point}
      onPointerMove={point}
    >
      {[...looks].map(([look, path]) => (
        <path key={look} className={look} d={path} />
      ))}
      <rect ref={lens} className="map-lens" />
    </svg>
  );
});

/** Drag to move, two fingers to zoom; a click on nothing clears the selection. */
function useDrag(
  host: React.RefObject<HTMLDivElement | null>,
  view: React.RefObject<View>,
  show: (view: View) => void,
  onBackground: () => void,
) {
  const pointers = useRef(new Map<number, { x: number; y: number }>());
  const travelled = useRef(0);
  return {
    onPointerDown(event: PointerEvent<HTMLDivElement>) {
      if (event.button !== 0 || (event.target instanceof Element && event.target.closest("button, a, input"))) return;
      pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
      travelled.current = 0;
    },
    onPointerMove(event: PointerEvent<HTMLDivElement>) {
      const before = pointers.current.get(event.pointerId);
      if (!before) return;
      const others = [...pointers.current].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const { x, y, scale } = view.current;
      const moved = { x: event.clientX - before.x, y: event.clientY - before.y };
      travelled.current += Math.abs(moved.x) + Math.abs(moved.y);
      // Captured only once it is a drag: a captured pointer would take the click away from the node beneath.
      if (travelled.current > 4 && !event.currentTarget.hasPointerCapture(event.pointerId))
        event.currentTarget.setPointerCapture(event.pointerId);
      pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const [other] = others;
      if (other && host.current) {
        const distance = Math.hypot(before.x - other.x, before.y - other.y);
        const next = Math.hypot(event.clientX - other.x, event.clientY - other.y);
        const box = host.current.getBoundingClientRect();
        show(zoomed(view.current, (scale * next) / Math.max(1, distance), { x: other.x - box.x, y: other.y - box.y }));
      } else if (travelled.current > 4) show({ scale, x: x + moved.x, y: y + moved.y });
    },
    onPointerUp(event: PointerEvent<HTMLDivElement>) {
      pointers.current.delete(event.pointerId);
      if (
        travelled.current <= 4 &&
        event.target instanceof SVGSVGElement &&
        event.target.classList.contains("graph-canvas")
      )
        onBackground();
    },
    onPointerCancel(event: PointerEvent<HTMLDivElement>) {
      pointers.current.delete(event.pointerId);
    },
  };
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

function overlaps(box: Placed | undefined, other: Placed): boolean {
  return (
    box !== undefined &&
    box.x <= other.x + other.width &&
    box.x + box.width >= other.x &&
    box.y <= other.y + other.height &&
    box.y + box.height >= other.y
  );
}

const margin = { side: 24, top: 64, tools: 28, bottom: 48 } as const;

interface Room {
  readonly width: number;
  readonly height: number;
  /** Where it begins below the tools, which take several lines on a narrow screen. */
  readonly top: number;
}

function roomIn(host: HTMLElement | null): Room | undefined {
  if (!host) return undefined;
  const tools = host.querySelector<HTMLElement>(".graph-tools")?.offsetHeight ?? 0;
  return { width: host.clientWidth, height: host.clientHeight, top: Math.max(margin.top, tools + margin.tools) };
}

/** The whole drawing in view, never larger than life, in the upper left if it is small. */
function fitted(layout: GraphLayout, { width, height, top }: Room): View {
  const room = { width: width - 2 * margin.side, height: height - top - margin.bottom };
  const scale = clampScale(Math.min(scales.fit, room.width / layout.width, room.height / layout.height));
  const x = margin.side + Math.max(0, Math.min(160, (room.width - layout.width * scale) / 2));
  const y = top + Math.max(0, Math.min(56, (room.height - layout.height * scale) / 2));
  return { x, y, scale };
}

/** The whole if it can be read; else a readable part of it, around the node that matters or else where it begins. */
function firstView(layout: GraphLayout, available: Room, focus: Placed | undefined): View {
  const whole = fitted(layout, available);
  if (whole.scale >= scales.readable) return whole;
  const { width, height, top } = available;
  const scale = scales.close;
  const centred = (size: number, from: number, to: number, centre: number): number =>
    size * scale <= to - from ? from : clampBetween((from + to) / 2 - centre * scale, to - size * scale, from);
  const middle = { x: (focus?.x ?? 0) + (focus?.width ?? 0) / 2, y: (focus?.y ?? 0) + (focus?.height ?? 0) / 2 };
  return {
    scale,
    x: centred(layout.width, margin.side, width - margin.side, middle.x),
    y: centred(layout.height, top, height - margin.bottom, middle.y),
  };
}

/** The node that a first look should hold: what failed, else what waits or runs. */
function mostUrgent(nodes: readonly GraphNode[]): string {
  const first = (state: State): string | undefined =>
    nodes.find((node) => node.state === state && node.frame !== "open")?.id;
  return first("failed") ?? first("waiting") ?? first("running") ?? "";
}

function zoomed(view: View, wanted: number, at: { readonly x: number; readonly y: number }): View {
  const scale = clampScale(wanted);
  const factor = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * factor, y: at.y - (at.y - view.y) * factor };
}

function revealed(view: View, node: Placed, width: number, height: number): View {
  const { scale } = view;
  const shift = (from: number, size: number, room: number, before: number): number => {
    const least = before;
    const most = room - 24;
    if (from >= least && from + size <= most) return 0;
    return from < least || size > most - least ? least - from : most - (from + size);
  };
  return {
    scale,
    x: view.x + shift(view.x + node.x * scale, node.width * scale, width, 24),
    y: view.y + shift(view.y + node.y * scale, node.height * scale, height, 56),
  };
}

const clampBetween = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));
const clampScale = (scale: number): number => clampBetween(scale, scales.least, scales.most);

function pointIn(
  element: HTMLElement,
  event: { readonly clientX: number; readonly clientY: number },
): { readonly x: number; readonly y: number } {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.x, y: event.clientY - box.y };
}
