/** Where an image is in its frame. At scale 1 it just fits; x and y move its middle, in parts of the frame. */
export interface Zoom {
  scale: number;
  x: number;
  y: number;
}

export const WHOLE: Zoom = { scale: 1, x: 0, y: 0 };
const NEAREST = 16;

/** An image cannot be moved out of its frame. */
function bounded({ scale, x, y }: Zoom): Zoom {
  const most = (scale - 1) / 2;
  const within = (value: number) => Math.min(most, Math.max(-most, value)) || 0;
  return { scale, x: within(x), y: within(y) };
}

/**
 * Zooms in or out around a point, which keeps its place.
 * @param at the point, in parts of the frame from its middle: -0.5 to 0.5
 */
export function zoomAt(
  { scale, x, y }: Zoom,
  factor: number,
  at: { x: number; y: number } = { x: 0, y: 0 },
): Zoom {
  const next = Math.min(NEAREST, Math.max(1, scale * factor));
  const ratio = next / scale;
  return bounded({ scale: next, x: at.x - (at.x - x) * ratio, y: at.y - (at.y - y) * ratio });
}

/** @param by in parts of the frame */
export const moveBy = ({ scale, x, y }: Zoom, by: { x: number; y: number }): Zoom =>
  bounded({ scale, x: x + by.x, y: y + by.y });
