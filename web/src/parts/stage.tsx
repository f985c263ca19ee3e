import { useEffect, useRef } from 'preact/hooks';
import { imagesShown } from '../images/notice.ts';
import { useImage } from '../images/use-image.ts';
import { moveBy, WHOLE, type Zoom, zoomAt } from '../layout/zoom.ts';
import type { Cells } from '../live/cells.ts';
import { useSignal } from '../live/use.ts';
import { tileWords, words } from '../words/app.ts';
import { Alert } from './alert.tsx';

interface Props {
  cells: Cells;
  n: number;
  index: number;
  label: string;
  simulated: boolean;
  animated: boolean;
  zoom: Zoom;
  onZoom: (change: (zoom: Zoom) => Zoom) => void;
}

const WHEEL = 0.0015;

/**
 * An image at full size, and its rendition until it has loaded. It can be zoomed and moved by wheel, drag and pinch. Stages with
 * the same zoom move together.
 */
export function Stage({ cells, n, index, label, simulated, animated, zoom, onZoom }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const allowed = useSignal(imagesShown);
  const small = useImage(cells, n, index, 'rendition', allowed);
  const whole = useImage(cells, n, index, 'original', allowed);
  const url = whole.url ?? small.url;
  useGestures(frame, onZoom);
  return (
    <div ref={frame} class={`stage${zoom.scale > 1 ? ' near' : ''}`}>
      {url && (
        <img
          src={url}
          crossOrigin="anonymous"
          alt={label}
          draggable={false}
          style={{ transform: `translate(${zoom.x * 100}%, ${zoom.y * 100}%) scale(${zoom.scale})` }}
        />
      )}
      {!allowed && <p class="word">{words.imagesHidden}</p>}
      <Alert text={whole.problem?.message} />
      {simulated && <span class="simulated">{tileWords.simulated}</span>}
      {animated && <span class="animated">{tileWords.animated}</span>}
    </div>
  );
}

/** Listeners are added by hand, because the one for the wheel must be able to prevent scrolling. */
function useGestures(frame: { current: HTMLDivElement | null }, onZoom: Props['onZoom']): void {
  const act = useRef(onZoom);
  act.current = onZoom;
  useEffect(() => {
    const element = frame.current!;
    const fingers = new Map<number, { x: number; y: number }>();
    const point = (event: PointerEvent | WheelEvent | MouseEvent) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return { x: (event.clientX - left) / width - 0.5, y: (event.clientY - top) / height - 0.5 };
    };
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      act.current((zoom) =>
        zoomAt(zoom, Math.exp(-event.deltaY * WHEEL * (event.deltaMode === 1 ? 16 : 1)), point(event)),
      );
    };
    const down = (event: PointerEvent) => {
      element.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, point(event));
    };
    const move = (event: PointerEvent) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = point(event);
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      fingers.set(event.pointerId, now);
      if (!other) return act.current((zoom) => moveBy(zoom, { x: now.x - before.x, y: now.y - before.y }));
      const apart = (a: { x: number; y: number }) => Math.hypot(a.x - other.x, a.y - other.y) || 1e-3;
      act.current((zoom) =>
        zoomAt(zoom, apart(now) / apart(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }),
      );
    };
    const up = (event: PointerEvent) => fingers.delete(event.pointerId);
    const twice = (event: MouseEvent) =>
      act.current((zoom) => (zoom.scale > 1 ? WHOLE : zoomAt(zoom, 3, point(event))));
    element.addEventListener('wheel', wheel, { passive: false });
    element.addEventListener('pointerdown', down);
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', up);
    element.addEventListener('pointercancel', up);
    element.addEventListener('dblclick', twice);
    return () => {
      element.removeEventListener('wheel', wheel);
      element.removeEventListener('pointerdown', down);
      element.removeEventListener('pointermove', move);
      element.removeEventListener('pointerup', up);
      element.removeEventListener('pointercancel', up);
      element.removeEventListener('dblclick', twice);
    };
  }, []);
}

export function ZoomButtons({ zoom, onZoom }: Pick<Props, 'zoom' | 'onZoom'>) {
  return (
    <div class="zoom" role="group" aria-label={tileWords.zoom}>
      <button
        type="button"
        aria-label={tileWords.zoomOut}
        onClick={() => onZoom((now) => zoomAt(now, 1 / 1.5))}
      >
        −
      </button>
      <output aria-live="polite">{tileWords.scale(zoom.scale)}</output>
      <button type="button" aria-label={tileWords.zoomIn} onClick={() => onZoom((now) => zoomAt(now, 1.5))}>
        +
      </button>
      <button type="button" onClick={() => onZoom(() => WHOLE)}>
        {tileWords.fit}
      </button>
    </div>
  );
}

/** The change of zoom for the keys + − 0; undefined for any other key. */
export const zoomKey = (key: string): ((zoom: Zoom) => Zoom) | undefined =>
  key === '+' || key === '='
    ? (zoom) => zoomAt(zoom, 1.5)
    : key === '-'
      ? (zoom) => zoomAt(zoom, 1 / 1.5)
      : key === '0'
        ? () => WHOLE
        : undefined;
