import { memo, useMemo, type PointerEvent } from "react";
import { clampBetween } from "./graph-camera.ts";
import type { GraphLayout } from "./graph-layout.ts";
import { type GraphNode, outlines, stateClass } from "./graph-node.ts";

const lookOnMap = (node: GraphNode): string => (node.frame === "open" ? "map-frame" : `map-node ${stateClass(node)}`);

/** The whole drawing at a corner; `lens` is where the window stands, and moves without React. */
export const Minimap = memo(function Minimap({
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
