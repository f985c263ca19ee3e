import { Fragment } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { wallLayout, windowOf } from '../../layout/windowing.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { useChanges } from '../../live/use.ts';
import { cellsAt, dimensionOf } from '../../model/axes.ts';
import { outcomeOf } from '../../model/rates.ts';
import { type Tile, tilesOf } from '../../model/tiles.ts';
import { EqualFiles, OutcomeLine } from '../../parts/outcome.tsx';
import { TileView } from '../../parts/tile.tsx';
import { gridWords, wallWords } from '../../words/audit.ts';
import { labelOf, simulatedAt } from './grid-cell.tsx';
import { pinsInWords } from './toolbar.tsx';
import type { ViewProps } from './use-view.ts';

/** The most squares that are made to fit at once. */
const AT_ONCE = 100;
const LEAST = 62;
const MOST = 320;
const NEAR = 3;

interface Props extends ViewProps {
  live: LiveAudit;
  place: { row: number; column: number };
  /** Whether the wall was opened from the grid, so that the focus must move to it. */
  fromGrid: boolean;
}

/** All samples of one cell as equal squares, so that a pattern is visible. */
export function Wall({ live, space, view, place, fromGrid, change }: Props) {
  const { cells } = live;
  const version = useChanges(cells);
  const scroller = useRef<HTMLDivElement>(null);
  const { arrangement } = view;
  const numbers = useMemo(
    () => cellsAt(space, arrangement, place.row, place.column),
    [space, arrangement, place.row, place.column],
  );
  useEffect(() => cells.want('wall', numbers), [cells, numbers]);
  const tiles = useMemo(() => numbers.flatMap((n) => tilesOf(n, cells.at(n))), [numbers, version]);
  const outcome = useMemo(() => outcomeOf(numbers.map((n) => cells.at(n))), [numbers, version]);
  const { layout, window, look } = useWallWindow(scroller, tiles.length);
  const [active, setActive] = useState(0);
  const [choosing, setChoosing] = useState(false);
  const open = useCallback(
    (tile: Tile) => (choosing ? mark(tile) : change({ large: { n: tile.n, index: tile.index } })),
    [change, choosing, view.pair],
  );
  const rows = dimensionOf(space, arrangement.rows);
  const columns = dimensionOf(space, arrangement.columns);
  const back = () => change({ wall: undefined });
  const step = (by: number) => {
    const count = columns.values.length;
    const all = rows.values.length * count;
    const here = place.row * count + place.column;
    const at = (next: number) => ({ row: Math.floor(next / count), column: next % count });
    let next = (here + by + all) % all;
    // Not every prompt may go to every model.
    while (next !== here && cellsAt(space, arrangement, at(next).row, at(next).column).length === 0)
      next = (next + by + all) % all;
    change({ wall: at(next) }, true);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps: Record<string, number> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: layout.columns,
      ArrowUp: -layout.columns,
      Home: -active,
      End: tiles.length - 1 - active,
    };
    const by = steps[event.key];
    if (event.key === 'Escape') back();
    else if (event.key === 'm') mark(tiles[active]);
    else if (event.key === 'c' && view.pair.length === 2) change({ comparing: true });
    else if (by !== undefined) goTo(Math.min(tiles.length - 1, Math.max(0, active + by)));
    else return;
    event.preventDefault();
  };
  const wantsFocus = useRef(fromGrid);
  const goTo = (next: number) => {
    wantsFocus.current = true;
    setActive(next);
    const element = scroller.current!;
    const top = Math.floor(next / layout.columns) * layout.size;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + layout.size > element.scrollTop + element.clientHeight)
      element.scrollTop = top + layout.size - element.clientHeight;
    look();
  };
  useLayoutEffect(() => {
    const element = scroller.current?.querySelector<HTMLElement>('.tile[tabindex="0"]');
    if (!wantsFocus.current || !element) return;
    wantsFocus.current = false;
    element.focus({ preventScroll: true });
  });
  const mark = (tile: Tile | undefined) => {
    if (!tile) return;
    const without = view.pair.filter(({ n, index }) => n !== tile.n || index !== tile.index);
    change(
      {
        pair:
          without.length < view.pair.length
            ? without
            : [...view.pair, { n: tile.n, index: tile.index }].slice(-2),
      },
      true,
    );
  };
  const marked = (tile: Tile) => view.pair.some(({ n, index }) => n === tile.n && index === tile.index);
  const crossed = [rows, columns].map(({ id, values }, i) => {
    const value = values[i === 0 ? place.row : place.column] ?? '';
    return { text: id === 'sample' ? gridWords.sample(value) : value, differs: values.length > 1 };
  });
  const told = crossed.some(({ differs }) => differs)
    ? crossed.filter(({ differs }) => differs)
    : crossed.slice(0, 1);
  const pins = pinsInWords({ space, view });

  return (
    <section class="wall" aria-label={wallWords.label}>
      <div class="wallhead">
        <button type="button" onClick={back}>
          {wallWords.back}
        </button>
        <div class="pager">
          <button type="button" aria-label={wallWords.previousCell} onClick={() => step(-1)}>
            ‹
          </button>
          <button type="button" aria-label={wallWords.nextCell} onClick={() => step(1)}>
            ›
          </button>
        </div>
        <h2>
          {told.map(({ text }, i) => (
            <Fragment key={i}>
              {i > 0 && ' × '}
              <bdi>{text}</bdi>
            </Fragment>
          ))}
        </h2>
        <p class="meta">
          {pins && `${pins} · `}
          {numbers.length === 0 ? gridWords.notAsked : <OutcomeLine outcome={outcome} />}
        </p>
        <EqualFiles equal={outcome.equal} />
        <button type="button" aria-pressed={choosing} onClick={() => setChoosing(!choosing)}>
          {wallWords.choose}
        </button>
        {choosing && <p class="hint">{wallWords.howToChoose}</p>}
      </div>
      <div
        ref={scroller}
        class="tiles"
        role="group"
        aria-label={wallWords.arrowKeys(tiles.length)}
        onScroll={look}
        onKeyDown={onKeyDown}
      >
        <div class="canvas" style={{ height: `${Math.ceil(tiles.length / layout.columns) * layout.size}px` }}>
          {tiles.slice(window.from, window.to).map((tile, i) => {
            const at = window.from + i;
            return (
              <div
                key={`${tile.n}.${tile.index}`}
                class="place"
                style={{
                  left: `${(at % layout.columns) * layout.size}px`,
                  top: `${Math.floor(at / layout.columns) * layout.size}px`,
                  width: `${layout.size}px`,
                  height: `${layout.size}px`,
                }}
                onFocusCapture={() => setActive(at)}
              >
                <TileView
                  cells={cells}
                  tile={tile}
                  label={labelOf(space, tile.n)}
                  simulated={simulatedAt(space, tile.n)}
                  marked={marked(tile)}
                  tabIndex={at === Math.min(active, tiles.length - 1) ? 0 : -1}
                  onOpen={open}
                />
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}

function useWallWindow(scroller: { current: HTMLDivElement | null }, count: number) {
  const [layout, setLayout] = useState({ columns: 1, size: MOST });
  const [window, setWindow] = useState({ from: 0, to: 0 });
  const look = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const found = wallLayout(
      element.clientWidth,
      element.clientHeight,
      Math.min(count, AT_ONCE),
      LEAST,
      MOST,
    );
    const rows = windowOf(
      element.scrollTop,
      element.clientHeight,
      found.size,
      Math.ceil(count / found.columns),
      NEAR,
    );
    const next = { from: rows.from * found.columns, to: Math.min(count, rows.to * found.columns) };
    setLayout((now) => (now.columns === found.columns && now.size === found.size ? now : found));
    setWindow((now) => (now.from === next.from && now.to === next.to ? now : next));
  }, [count]);
  useLayoutEffect(() => {
    look();
    const watcher = new ResizeObserver(look);
    watcher.observe(scroller.current!);
    return () => watcher.disconnect();
  }, [look]);
  return { layout, window, look };
}
