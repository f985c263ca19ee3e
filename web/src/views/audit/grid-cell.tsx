import { memo } from 'preact/compat';
import { useState } from 'preact/hooks';
import type { Cells } from '../../live/cells.ts';
import { isSimulated, placeOf, type Space } from '../../model/axes.ts';
import { outcomeOf } from '../../model/rates.ts';
import { type Tile, tilesOf } from '../../model/tiles.ts';
import { OutcomeLine } from '../../parts/outcome.tsx';
import { TileView } from '../../parts/tile.tsx';
import { tileWords } from '../../words/app.ts';
import { gridWords } from '../../words/audit.ts';
import { equalExplained, words } from '../../words/outcomes.ts';

/** What a tile shows, in words. It is made from the prompt, so that the image need not be seen. */
export function labelOf({ plan }: Space, n: number): string {
  const { prompt, model, sample } = placeOf(plan, n);
  return tileWords.label(plan.prompts[prompt]?.text ?? '', plan.models[model]?.model ?? '', sample + 1);
}

export const simulatedAt = ({ plan }: Space, n: number): boolean =>
  isSimulated(plan.models[placeOf(plan, n).model]?.model ?? '');

export interface GridCellProps {
  cells: Cells;
  space: Space;
  numbers: number[];
  oneByOne: boolean;
  /** Squares in a row and in a column of each cell of this grid. */
  across: number;
  down: number;
  /** Changes with the predictions, so that the cell is rendered again. */
  version: number;
  marked: string;
  onOpen: (tile: Tile) => void;
  onWall: () => void;
}

/** The samples of a cell as squares, and their outcome below. */
function Content({ cells, space, numbers, oneByOne, across, down, marked, onOpen, onWall }: GridCellProps) {
  const [at, setAt] = useState(0);
  const all = numbers.flatMap((n) => tilesOf(n, cells.at(n)));
  const current = Math.min(at, all.length - 1);
  const shown = oneByOne ? all.slice(current, current + 1) : all.slice(0, across * down);
  const step = (by: number) => setAt((current + by + all.length) % all.length);
  if (numbers.length === 0)
    return (
      <p class="unasked">{space.plan.source === 'imported' ? gridWords.noPicture : gridWords.notAsked}</p>
    );
  return (
    <>
      <div
        class={`squares across-${across}`}
        onKeyDown={(event) => {
          const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
          if (!oneByOne || by === 0 || event.target === event.currentTarget) return;
          event.preventDefault();
          event.stopPropagation();
          step(by);
        }}
      >
        {shown.map((tile, i) => (
          <TileView
            key={oneByOne ? 'one' : `${tile.n}.${tile.index}.${i}`}
            cells={cells}
            tile={tile}
            label={labelOf(space, tile.n)}
            simulated={simulatedAt(space, tile.n)}
            marked={marked.includes(`|${tile.n}.${tile.index}|`)}
            onOpen={onOpen}
          />
        ))}
      </div>
      {oneByOne && all.length > 1 && (
        <div class="step">
          <button type="button" tabIndex={-1} aria-label={gridWords.previousSample} onClick={() => step(-1)}>
            ‹
          </button>
          <span aria-live="polite">{gridWords.position(current + 1, all.length)}</span>
          <button type="button" tabIndex={-1} aria-label={gridWords.nextSample} onClick={() => step(1)}>
            ›
          </button>
        </div>
      )}
      {all.length > 1 && <Foot {...{ cells, numbers, onWall }} tiles={all.length} />}
    </>
  );
}

function Foot({
  cells,
  numbers,
  tiles,
  onWall,
}: Pick<GridCellProps, 'cells' | 'numbers' | 'onWall'> & { tiles: number }) {
  return (
    <button type="button" class="foot" tabIndex={-1} onClick={onWall}>
      <span class="said">
        <span class="more" aria-hidden="true">
          {gridWords.all(tiles)}
        </span>
        <span class="sr">{gridWords.showAll(tiles)} </span>
        <Notes {...{ cells, numbers }} />
      </span>
    </button>
  );
}

/** What became of a cell, and whether its pictures are the same file. */
function Notes({ cells, numbers }: Pick<GridCellProps, 'cells' | 'numbers'>) {
  const predictions = numbers.map((n) => cells.at(n));
  const outcome = outcomeOf(predictions);
  if (predictions.every((prediction) => !prediction)) return '…';
  return (
    <>
      <OutcomeLine outcome={outcome} />
      {outcome.equal && (
        <span class="equal" title={equalExplained(outcome.equal)}>
          {words.sameFile(outcome.equal.count, outcome.equal.of)}
        </span>
      )}
    </>
  );
}

export const GridCell = memo(
  Content,
  (a, b) =>
    a.cells === b.cells &&
    a.version === b.version &&
    a.oneByOne === b.oneByOne &&
    a.across === b.across &&
    a.down === b.down &&
    a.marked === b.marked &&
    a.numbers.length === b.numbers.length &&
    a.numbers[0] === b.numbers[0] &&
    a.onOpen === b.onOpen,
);
