import { memo } from 'preact/compat';
import { useRef } from 'preact/hooks';
import { useInSight } from '../images/in-sight.ts';
import { imagesShown } from '../images/notice.ts';
import { useImage } from '../images/use-image.ts';
import type { Cells } from '../live/cells.ts';
import { useSignal } from '../live/use.ts';
import type { Tile } from '../model/tiles.ts';
import { tileWords } from '../words/app.ts';
import { explain, wordFor } from '../words/outcomes.ts';

interface Props {
  cells: Cells;
  tile: Tile;
  /** Prompt, model and sample, in words. */
  label: string;
  simulated: boolean;
  marked?: boolean;
  tabIndex?: number;
  onOpen: (tile: Tile) => void;
}

/** One square: an image, or the reason why there is none. */
function TileButton({ cells, tile, label, simulated, marked = false, tabIndex = -1, onOpen }: Props) {
  const allowed = useSignal(imagesShown);
  const isImage = tile.kind === 'image';
  const animated = isImage && tile.image.animated === true;
  const square = useRef<HTMLButtonElement>(null);
  const seen = useInSight(square);
  const { url, problem } = useImage(cells, tile.n, tile.index, 'rendition', isImage && allowed && seen);
  const word = isImage ? (allowed ? (problem ? tileWords.notLoaded : '') : tileWords.hidden) : wordFor(tile);
  return (
    <button
      ref={square}
      type="button"
      class={`tile ${tile.kind}${marked ? ' marked' : ''}`}
      tabIndex={tabIndex}
      data-tile={`${tile.n}.${tile.index}`}
      aria-label={tileWords.named(label, {
        what: isImage ? tileWords.image({ simulated, animated }) : wordFor(tile),
        word: isImage ? word : '',
        marked,
      })}
      title={problem?.message ?? explain(tile)}
      onClick={() => onOpen(tile)}
    >
      {url && <img src={url} crossOrigin="anonymous" alt="" decoding="async" draggable={false} />}
      {word && <span class="word">{word}</span>}
      {isImage && simulated && <span class="simulated">{tileWords.simulated}</span>}
      {animated && <span class="animated">{tileWords.animated}</span>}
    </button>
  );
}

export const TileView = memo(
  TileButton,
  (a, b) =>
    a.cells === b.cells &&
    a.label === b.label &&
    a.marked === b.marked &&
    a.tabIndex === b.tabIndex &&
    a.onOpen === b.onOpen &&
    sameTile(a.tile, b.tile),
);

/** Whether two tiles look the same. A new address for the same image makes no difference. */
const sameTile = (a: Tile, b: Tile) => a.n === b.n && a.index === b.index && a.kind === b.kind;
