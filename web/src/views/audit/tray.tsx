import type { ImageRef } from '../../layout/address.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { useChanges } from '../../live/use.ts';
import { tilesOf } from '../../model/tiles.ts';
import { TileView } from '../../parts/tile.tsx';
import { trayWords } from '../../words/audit.ts';
import { labelOf, simulatedAt } from './grid-cell.tsx';
import type { ViewProps } from './use-view.ts';

/** The images selected for comparison. */
export function Tray({ live, space, view, change }: ViewProps & { live: LiveAudit }) {
  useChanges(live.cells);
  if (view.pair.length === 0) return null;
  const open = ({ n, index }: ImageRef) => change({ large: { n, index } });
  return (
    <aside class="tray" aria-label={trayWords.label}>
      {view.pair.map(({ n, index }) => {
        const tile = tilesOf(n, live.cells.at(n)).find((candidate) => candidate.index === index);
        return (
          tile && (
            <TileView
              key={`${n}.${index}`}
              cells={live.cells}
              tile={tile}
              label={labelOf(space, n)}
              simulated={simulatedAt(space, n)}
              tabIndex={0}
              onOpen={open}
            />
          )
        );
      })}
      {view.pair.length === 2 ? (
        <button type="button" class="primary" onClick={() => change({ comparing: true })}>
          {trayWords.compare}
        </button>
      ) : (
        <p>{trayWords.oneMore}</p>
      )}
      <button type="button" class="quiet" onClick={() => change({ pair: [] }, true)}>
        {trayWords.clear}
      </button>
    </aside>
  );
}
