import type { GraphLayout, Placed } from "./graph-layout.ts";

/** Where the drawing stands in its window: pixels, and how many of them one of the drawing's is. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** `readable` is the least at which a first look at the whole still reads names; a look at a part is at `close`. */
export const scales = { least: 0.02, most: 2, fit: 1, readable: 0.58, close: 0.8, simple: 0.28 } as const;

/** What stays free around the drawing, in pixels of the screen; `tools` lies below those. */
export const margin = { side: 24, top: 64, tools: 28, bottom: 48 } as const;

/** The window, in pixels. */
export interface Room {
  readonly width: number;
  readonly height: number;
  /** Where it begins below the tools, which take several lines on a narrow screen. */
  readonly top: number;
}

/** The whole drawing in view, never larger than life, in the upper left if it is small. */
export function fitted(layout: GraphLayout, { width, height, top }: Room): View {
  const room = { width: width - 2 * margin.side, height: height - top - margin.bottom };
  const scale = clampScale(Math.min(scales.fit, room.width / layout.width, room.height / layout.height));
  const x = margin.side + Math.max(0, Math.min(160, (room.width - layout.width * scale) / 2));
  const y = top + Math.max(0, Math.min(56, (room.height - layout.height * scale) / 2));
  return { x, y, scale };
}

/** The whole if it can be read; else a readable part of it, around the node that matters or else where it begins. */
export function firstView(layout: GraphLayout, available: Room, focus: Placed | undefined): View {
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

/** `at` stays where it is. */
export function zoomed(view: View, wanted: number, at: { readonly x: number; readonly y: number }): View {
  const scale = clampScale(wanted);
  const factor = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * factor, y: at.y - (at.y - view.y) * factor };
}

/** Moved as little as shows the whole of a node, or where it begins. */
export function revealed(view: View, node: Placed, width: number, height: number): View {
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

export const clampBetween = (value: number, least: number, most: number): number =>
  Math.max(least, Math.min(most, value));
const clampScale = (scale: number): number => clampBetween(scale, scales.least, scales.most);
