import { memo } from 'preact/compat';
import { useEffect, useState } from 'preact/hooks';
import { imagesShown } from '../images/notice.ts';
import { images } from '../images/store.ts';
import type { Cells } from '../live/cells.ts';
import { useSignal } from '../live/use.ts';
import { explain, type Tile, wordFor } from '../model/tiles.ts';
import { useAttempts } from './retry.ts';

/** An address of the small copy of an image, once it is there. */
function useRendition(cells: Cells, n: number, index: number, wanted: boolean) {
  const [shown, setShown] = useState<{ url?: string; problem?: Error }>({});
  const attempt = useAttempts(shown.problem);
  useEffect(() => {
    if (!wanted) return setShown({});
    const stop = new AbortController();
    let url: string | undefined;
    const show = (blob: Blob) => {
      if (stop.signal.aborted) return;
      url = URL.createObjectURL(blob);
      setShown({ url });
    };
    const kept = images.peek(cells, n, index);
    if (kept) show(kept);
    else {
      // The previous tile's image must not be shown under this tile's name.
      setShown((before) => (before.url || before.problem ? {} : before));
      images.rendition(cells, n, index, stop.signal).then(show, (error) => {
        if (!stop.signal.aborted) setShown({ problem: error as Error });
      });
    }
    return () => {
      stop.abort();
      if (url) URL.revokeObjectURL(url);
    };
  }, [cells, n, index, wanted, attempt]);
  return shown;
}

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
  const { url, problem } = useRendition(cells, tile.n, tile.index, isImage && allowed);
  const word = isImage ? (allowed ? (problem ? 'not loaded' : '') : 'hidden') : wordFor(tile);
  return (
    <button
      type="button"
      class={`tile ${tile.kind}${marked ? ' marked' : ''}`}
      tabIndex={tabIndex}
      data-tile={`${tile.n}.${tile.index}`}
      aria-label={`${label}: ${isImage ? (simulated ? 'simulated image' : 'image') : wordFor(tile)}${word && isImage ? `, ${word}` : ''}${marked ? ', selected for comparison' : ''}`}
      title={problem?.message ?? explain(tile)}
      onClick={() => onOpen(tile)}
    >
      {url && <img src={url} alt="" decoding="async" draggable={false} />}
      {word && <span class="word">{word}</span>}
      {isImage && simulated && <span class="simulated">SIMULATED</span>}
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
