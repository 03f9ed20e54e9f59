import {
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
import { firstView, fitted, margin, revealed, type Room, scales, type View, zoomed } from "./graph-camera.ts";
import { Drawing, type GraphHandlers } from "./graph-drawing.tsx";
import { neighbour, type GraphLayout, type Placed } from "./graph-layout.ts";
import type { LayoutAnswer, LayoutRequest } from "./graph-layout-worker.ts";
import { Minimap } from "./graph-minimap.tsx";
import type { GraphEdge, GraphNode } from "./graph-node.ts";
import { useKitMessages } from "./kit.tsx";
import type { State } from "./state.ts";

export interface GraphViewProps extends GraphHandlers {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly selected: string | undefined;
  /** Nodes that decided how long the whole took; the others step back. */
  readonly emphasised?: ReadonlySet<string> | undefined;
  /** The node that a first look at a part of the graph is around; else what failed, waits or runs. */
  readonly focus?: string | undefined;
  /** Placed over the upper left corner. */
  readonly tools?: ReactNode;
}

/** Nodes come into being by steps of so many pixels of the screen, not at every move. */
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

/** Handlers that stay the same functions and always call the latest ones. */
function useSteady(props: GraphHandlers): GraphHandlers {
  const latest = useRef<GraphHandlers>(props);
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

function roomIn(host: HTMLElement | null): Room | undefined {
  if (!host) return undefined;
  const tools = host.querySelector<HTMLElement>(".graph-tools")?.offsetHeight ?? 0;
  return { width: host.clientWidth, height: host.clientHeight, top: Math.max(margin.top, tools + margin.tools) };
}

/** The node that a first look should hold: what failed, else what waits or runs. */
function mostUrgent(nodes: readonly GraphNode[]): string {
  const first = (state: State): string | undefined =>
    nodes.find((node) => node.state === state && node.frame !== "open")?.id;
  return first("failed") ?? first("waiting") ?? first("running") ?? "";
}

function pointIn(
  element: HTMLElement,
  event: { readonly clientX: number; readonly clientY: number },
): { readonly x: number; readonly y: number } {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.x, y: event.clientY - box.y };
}
