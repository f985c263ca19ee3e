import { useEffect, useState } from 'preact/hooks';
import type { ImageRef, View } from '../../layout/address.ts';
import { moveBy, WHOLE, type Zoom } from '../../layout/zoom.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { useChanges } from '../../live/use.ts';
import { isSimulated, placeOf } from '../../model/axes.ts';
import { factsOf, inputFacts } from '../../model/facts.ts';
import { hasPicture, tilesOf } from '../../model/tiles.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Stage, ZoomButtons, zoomKey } from '../../parts/stage.tsx';
import { tileWords, words } from '../../words/app.ts';
import { pairWords } from '../../words/audit.ts';
import { words as facts } from '../../words/facts.ts';
import { given } from '../../words/locale.ts';
import { explain } from '../../words/outcomes.ts';
import type { ChangeView } from './use-view.ts';

/** Facts that differ between any two images. */
const ALWAYS_DIFFER = [
  facts.requested,
  facts.completed,
  facts.predictionId,
  facts.sha256,
  facts.size,
  // Each input is compared by itself.
  facts.inputs,
];

interface Props {
  live: LiveAudit;
  view: View;
  change: ChangeView;
}

/** Two images at full size that zoom and move together, and their differences. */
export function Pair({ live, view, change }: Props) {
  useChanges(live.cells);
  const [zoom, setZoom] = useState(WHOLE);
  const { pair } = view;
  useEffect(
    () =>
      live.cells.want(
        'pair',
        pair.map(({ n }) => n),
      ),
    [live, pair],
  );
  const close = () => change({ comparing: false });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows: Record<string, { x: number; y: number }> = {
      ArrowLeft: { x: 0.1, y: 0 },
      ArrowRight: { x: -0.1, y: 0 },
      ArrowUp: { x: 0, y: 0.1 },
      ArrowDown: { x: 0, y: -0.1 },
    };
    const by = arrows[event.key];
    const act = zoomKey(event.key) ?? (by && ((now: Zoom) => moveBy(now, by)));
    if (!act) return;
    event.preventDefault();
    setZoom(act);
  };
  return (
    <Dialog label={pairWords.label} class="pairview" onClose={close}>
      <div class="inside" tabIndex={-1} onKeyDown={onKeyDown}>
        <div class="bar">
          <button type="button" class="quiet" aria-label={words.close} onClick={close}>
            ✕
          </button>
          <button type="button" onClick={() => change({ pair: pair.toReversed() }, true)}>
            {pairWords.swap}
          </button>
          <ZoomButtons zoom={zoom} onZoom={setZoom} />
        </div>
        <div class="two">
          {pair.map((ref) => (
            <Side key={`${ref.n}.${ref.index}`} live={live} at={ref} zoom={zoom} onZoom={setZoom} />
          ))}
        </div>
        <Differences live={live} pair={pair} />
      </div>
    </Dialog>
  );
}

interface SideProps {
  live: LiveAudit;
  at: ImageRef;
  zoom: Zoom;
  onZoom: (change: (zoom: Zoom) => Zoom) => void;
}

function Side({ live: { cells, plan }, at, zoom, onZoom }: SideProps) {
  const tiles = tilesOf(at.n, cells.at(at.n));
  const tile = tiles.find(({ index }) => index === at.index) ?? tiles[0]!;
  const { prompt, model, sample } = placeOf(plan, at.n);
  const name = plan.models[model]?.model ?? '';
  const text = plan.prompts[prompt]?.text ?? '';
  const label = tileWords.label(text, name, sample + 1);
  return (
    <figure>
      {hasPicture(tile) ? (
        <Stage
          cells={cells}
          n={at.n}
          index={tile.index}
          label={label}
          simulated={isSimulated(name)}
          animated={tile.image.animated === true}
          zoom={zoom}
          onZoom={onZoom}
        />
      ) : (
        <div class={`stage tile ${tile.kind}`}>
          <p>{explain(tile)}</p>
        </div>
      )}
      <figcaption>{tileWords.label(given(text), name, sample + 1)}</figcaption>
    </figure>
  );
}

/** The facts in which two images differ, without those that always differ. */
function Differences({ live: { cells, plan }, pair }: { live: LiveAudit; pair: ImageRef[] }) {
  const [a, b] = pair.map(({ n, index }) => {
    const prediction = cells.at(n);
    const known = prediction ? [...factsOf(plan, prediction, index), ...inputFacts(plan, n)] : [];
    return new Map(known.map((fact) => [fact.id ?? fact.name, fact]));
  });
  if (!a || !b) return null;
  const ids = [...new Set([...a.keys(), ...b.keys()])].filter((id) => !ALWAYS_DIFFER.includes(id));
  const differing = ids.filter((id) => a.get(id)?.value !== b.get(id)?.value);
  return (
    <div class="differences">
      {differing.length === 0 ? (
        <p class="hint">{pairWords.same}</p>
      ) : (
        <table>
          <caption>{pairWords.differences}</caption>
          <tbody>
            {differing.map((id) => (
              <tr key={id}>
                <th scope="row" dir="auto">
                  {(a.get(id) ?? b.get(id))?.name}
                </th>
                <td dir="auto">{a.get(id)?.value ?? '–'}</td>
                <td dir="auto">{b.get(id)?.value ?? '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
