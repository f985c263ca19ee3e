import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Equal, equalOf } from '../../../../lib/contract/counted.ts';
import type { TileSize } from '../../layout/address.ts';
import { linesOf, squaresAcross, squaresDown, type Window, windowOf } from '../../layout/windowing.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { useChanges } from '../../live/use.ts';
import { cellsAt, type DimensionId, dimensionOf, mostInCell, referenceAt } from '../../model/axes.ts';
import { outcomeOfAll } from '../../model/rates.ts';
import { imagesEach, type Tile } from '../../model/tiles.ts';
import { Breakable } from '../../parts/breakable.tsx';
import { gridWords } from '../../words/audit.ts';
import { equalExplained, equalInWords, outcomeLengths } from '../../words/outcomes.ts';
import { GridCell } from './grid-cell.tsx';
import type { ViewProps } from './use-view.ts';

/** Widths of a cell in CSS pixels. */
const WIDTHS: Record<TileSize, number> = { s: 156, m: 208, l: 320 };
/** The most squares in a row. In smaller squares, words such as "simulated" could not be read. */
const MOST_ACROSS: Record<TileSize, number> = { s: 3, m: 4, l: 4 };
const GAP = 12;
/** Below a cell: a line of text, the space around the lines, and the buttons that step through samples. */
const LINE = 16;
const PADDING = 8;
const STEP = 44;
/** A wide character of such a line. */
const CHARACTER = 7;
const HEAD_HEIGHT = 44;
/** Rows and columns that are rendered beyond each edge, so that they are there before they are seen. */
const NEAR = 1;

export interface Place {
  row: number;
  column: number;
}

interface Windows {
  rows: Window;
  columns: Window;
}

/** Two dimensions of the audit as rows and columns. Only cells in sight are rendered, however large the audit is. */
export function Grid({
  live,
  space,
  view,
  change,
  from,
}: ViewProps & {
  live: LiveAudit;
  /** The cell to return to from its wall. */
  from: Place | undefined;
}) {
  const { cells } = live;
  const version = useChanges(cells);
  const scroller = useRef<HTMLDivElement>(null);
  const { arrangement } = view;
  const rows = dimensionOf(space, arrangement.rows);
  const columns = dimensionOf(space, arrangement.columns);
  const [active, setActive] = useState<Place>(from ?? { row: 0, column: 0 });
  const moved = useRef(from !== undefined);

  const width = WIDTHS[view.size];
  // A cell with one tile needs no line about it.
  const predictions = useMemo(() => mostInCell(space, arrangement), [space, arrangement]);
  const all = useMemo(() => outcomeOfAll(cells), [cells, version]);
  const most = predictions * imagesEach(live.plan);
  // The link to the wall takes room in the first line. The longest interval leaves that much, but imports have no refusals.
  const lengths = [...(all.refused ? [] : [gridWords.all(most).length + 2]), ...outcomeLengths(all, most)];
  const lines = linesOf(lengths, Math.floor(width / CHARACTER)) + (all.equal ? 1 : 0);
  const said = lines * LINE + PADDING;
  const foot = most > 1 ? said + (view.oneByOne ? STEP : 0) : 0;
  const tiles = view.oneByOne ? 1 : most;
  const across = squaresAcross(tiles, MOST_ACROSS[view.size]);
  const down = squaresDown(tiles, MOST_ACROSS[view.size]);
  const height = Math.round((width / across) * down);
  const pitch = { x: width + GAP, y: height + foot + GAP };
  const { windows, head, look } = useWindows(scroller, pitch, rows.values.length, columns.values.length);

  const visible = useMemo(() => {
    const found: (Place & { numbers: number[] })[] = [];
    for (let row = windows.rows.from; row < windows.rows.to; row++)
      for (let column = windows.columns.from; column < windows.columns.to; column++)
        found.push({ row, column, numbers: cellsAt(space, arrangement, row, column) });
    return found;
  }, [space, arrangement, windows]);
  useEffect(
    () =>
      cells.want(
        'grid',
        visible.flatMap(({ numbers }) => numbers),
      ),
    [cells, visible],
  );
  const crossed = `${arrangement.rows} ${arrangement.columns}`;
  const activeIn = useRef(crossed);
  useEffect(() => {
    if (activeIn.current === crossed) return;
    activeIn.current = crossed;
    setActive({ row: 0, column: 0 });
  }, [crossed]);
  useLayoutEffect(() => {
    if (!from) return;
    reveal(scroller.current!, from, pitch, head);
    look();
  }, []);

  const open = useCallback((tile: Tile) => change({ large: { n: tile.n, index: tile.index } }), [change]);
  const wall = useCallback((place: Place) => change({ wall: place }), [change]);
  /** Where samples are a row or a column, whether they are the same file is said in its heading. */
  const samplesIn = (id: DimensionId, value: number, across: DimensionId) =>
    across !== 'sample'
      ? undefined
      : equalOf(
          cellsAt(
            space,
            { rows: id, columns: id, pins: { ...arrangement.pins, sample: 'all' } },
            value,
            value,
          ).flatMap((n) => cells.at(n) ?? []),
        );
  const marked = `|${view.pair.map(({ n, index }) => `${n}.${index}`).join('|')}|`;

  const goTo = (row: number, column: number) => {
    const place = {
      row: Math.min(rows.values.length - 1, Math.max(0, row)),
      column: Math.min(columns.values.length - 1, Math.max(0, column)),
    };
    moved.current = true;
    setActive(place);
    reveal(scroller.current!, place, pitch, head);
    look();
  };
  useLayoutEffect(() => {
    if (!moved.current) return;
    const element = scroller.current?.querySelector<HTMLElement>(
      `[data-cell="${active.row}.${active.column}"]`,
    );
    if (!element) return;
    moved.current = false;
    element.focus({ preventScroll: true });
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const cell = target.closest<HTMLElement>('[data-cell]');
    if (!cell || event.metaKey || event.altKey) return;
    const { row, column } = active;
    const inside = target !== cell;
    const move: Record<string, () => void> = inside
      ? {
          Escape: () => cell.focus(),
          ArrowRight: () => siblingTile(target, 1),
          ArrowLeft: () => siblingTile(target, -1),
          ArrowDown: () => siblingTile(target, acrossOf(target)),
          ArrowUp: () => siblingTile(target, -acrossOf(target)),
          w: () => wall(active),
          m: () => toggleMark(target.dataset.tile),
        }
      : {
          ArrowRight: () => goTo(row, column + 1),
          ArrowLeft: () => goTo(row, column - 1),
          ArrowDown: () => goTo(row + 1, column),
          ArrowUp: () => goTo(row - 1, column),
          PageDown: () => goTo(row + 3, column),
          PageUp: () => goTo(row - 3, column),
          Home: () => goTo(event.ctrlKey ? 0 : row, 0),
          End: () => goTo(event.ctrlKey ? rows.values.length : row, columns.values.length),
          Enter: () => cell.querySelector<HTMLElement>('.tile')?.focus(),
          w: () => wall(active),
        };
    if (event.key === 'c' && view.pair.length === 2) return change({ comparing: true });
    const act = move[event.key];
    if (!act || (event.ctrlKey && !['Home', 'End'].includes(event.key))) return;
    event.preventDefault();
    act();
  };
  const toggleMark = (ref: string | undefined) => {
    const [n, index] = (ref ?? '').split('.').map(Number);
    if (n === undefined || index === undefined) return;
    const without = view.pair.filter((image) => image.n !== n || image.index !== index);
    change(
      { pair: without.length < view.pair.length ? without : [...view.pair, { n, index }].slice(-2) },
      true,
    );
  };

  return (
    <div
      ref={scroller}
      class={`grid${view.size === 's' ? ' small' : ''}`}
      role="grid"
      aria-label={gridWords.by(rows.name, columns.name)}
      aria-rowcount={rows.values.length + 1}
      aria-colcount={columns.values.length + 1}
      onScroll={look}
      onKeyDown={onKeyDown}
      style={{
        '--cell': `${width}px`,
        '--squares': `${height}px`,
        '--foot': `${said - 4}px`,
        '--gap': `${GAP}px`,
        '--head': `${HEAD_HEIGHT}px`,
      }}
    >
      <div
        class="canvas"
        role="presentation"
        style={{
          width: `calc(var(--side) + ${columns.values.length * pitch.x}px)`,
          height: `${HEAD_HEIGHT + rows.values.length * pitch.y}px`,
        }}
      >
        <div class="head" role="row" aria-rowindex={1}>
          <span class="corner" role="columnheader" aria-colindex={1}>
            {gridWords.corner(rows.name, columns.name)}
          </span>
          {each(windows.columns, (column) => (
            <span
              key={column}
              role="columnheader"
              aria-colindex={column + 2}
              data-column-head={column}
              class="columnhead"
              title={columns.values[column]}
              style={{ left: `calc(var(--side) + ${column * pitch.x}px)` }}
            >
              <HeadText
                id={columns.id}
                value={columns.values[column]!}
                equal={samplesIn(arrangement.columns, column, arrangement.rows)}
                reference={referenceAt(space, arrangement.columns, column)}
              />
            </span>
          ))}
        </div>
        {each(windows.rows, (row) => (
          <div
            key={row}
            class="row"
            role="row"
            aria-rowindex={row + 2}
            style={{ top: `${HEAD_HEIGHT + row * pitch.y}px`, height: `${pitch.y}px` }}
          >
            <span
              class="rowhead"
              role="rowheader"
              aria-colindex={1}
              data-row-head={row}
              title={rows.values[row]}
            >
              <HeadText
                id={rows.id}
                value={rows.values[row]!}
                equal={samplesIn(arrangement.rows, row, arrangement.columns)}
                reference={referenceAt(space, arrangement.rows, row)}
              />
            </span>
            {visible
              .filter((place) => place.row === row)
              .map(({ column, numbers }) => (
                <div
                  key={column}
                  class="cell"
                  role="gridcell"
                  aria-colindex={column + 2}
                  style={{ left: `calc(var(--side) + ${column * pitch.x}px)` }}
                >
                  {/* A group within the cell, because a gridcell is named by all its content, which is too much to listen to. */}
                  <div
                    class="focus"
                    role="group"
                    data-cell={`${row}.${column}`}
                    tabIndex={row === active.row && column === active.column ? 0 : -1}
                    aria-label={gridWords.cell(rows.values[row] ?? '', columns.values[column] ?? '')}
                    onFocusCapture={() =>
                      setActive((now) => (now.row === row && now.column === column ? now : { row, column }))
                    }
                  >
                    <GridCell
                      cells={cells}
                      space={space}
                      numbers={numbers}
                      oneByOne={view.oneByOne}
                      across={across}
                      down={down}
                      version={version}
                      marked={marked}
                      onOpen={open}
                      onWall={() => wall({ row, column })}
                    />
                  </div>
                </div>
              ))}
          </div>
        ))}
      </div>
    </div>
  );
}

/** A sample's value is only a number, so its heading says that it is a sample. */
const HeadText = ({
  id,
  value,
  equal,
  reference,
}: {
  id: DimensionId;
  value: string;
  equal: Equal | undefined;
  reference: string | undefined;
}) => (
  <span>
    <span class={`clamp${equal || reference ? ' above' : ''}`} dir="auto">
      <Breakable text={id === 'sample' ? gridWords.sample(value) : value} />
    </span>
    {reference && <span class="reference">{reference}</span>}
    {equal && (
      <span class="equal" title={equalExplained(equal)}>
        {equalInWords(equal)}
      </span>
    )}
  </span>
);

function each<T>({ from, to }: Window, draw: (i: number) => T): T[] {
  return Array.from({ length: to - from }, (_, i) => draw(from + i));
}

const acrossOf = (tile: HTMLElement) =>
  Number(/across-(\d)/.exec(tile.parentElement?.className ?? '')?.[1] ?? 1);

function siblingTile(tile: HTMLElement, by: number): void {
  const tiles = [...(tile.parentElement?.querySelectorAll<HTMLElement>('.tile') ?? [])];
  tiles[tiles.indexOf(tile) + by]?.focus();
}

/** Scrolls as little as possible until a cell is in sight and not below a heading. */
function reveal(
  element: HTMLElement,
  { row, column }: Place,
  pitch: { x: number; y: number },
  head: { x: number; y: number },
): void {
  const top = row * pitch.y;
  const left = column * pitch.x;
  const height = element.clientHeight - head.y;
  const width = element.clientWidth - head.x;
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + pitch.y > element.scrollTop + height) element.scrollTop = top + pitch.y - height;
  if (left < element.scrollLeft) element.scrollLeft = left;
  else if (left + pitch.x > element.scrollLeft + width) element.scrollLeft = left + pitch.x - width;
}

/** Which rows and columns are in sight. The result changes only when a row or a column does. */
function useWindows(
  scroller: { current: HTMLDivElement | null },
  pitch: { x: number; y: number },
  rowCount: number,
  columnCount: number,
) {
  const [windows, setWindows] = useState<Windows>({ rows: { from: 0, to: 0 }, columns: { from: 0, to: 0 } });
  const head = useRef({ x: 0, y: HEAD_HEIGHT });
  const look = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    head.current.x = Number.parseFloat(getComputedStyle(element).getPropertyValue('--side')) || 0;
    const rows = windowOf(element.scrollTop, element.clientHeight - HEAD_HEIGHT, pitch.y, rowCount, NEAR);
    const columns = windowOf(
      element.scrollLeft,
      element.clientWidth - head.current.x,
      pitch.x,
      columnCount,
      NEAR,
    );
    setWindows((now) => (same(now.rows, rows) && same(now.columns, columns) ? now : { rows, columns }));
  }, [pitch.x, pitch.y, rowCount, columnCount]);
  useLayoutEffect(() => {
    look();
    const watcher = new ResizeObserver(look);
    watcher.observe(scroller.current!);
    return () => watcher.disconnect();
  }, [look]);
  return { windows, head: head.current, look };
}

const same = (a: Window, b: Window) => a.from === b.from && a.to === b.to;
