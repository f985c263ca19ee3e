import { useEffect, useRef, useState } from 'preact/hooks';
import { numberOf, seedGroup } from '../../../../lib/records/pairs.ts';
import { sha256Of } from '../../images/hash.ts';
import { fetchImage, ImageProblem } from '../../images/load.ts';
import type { ImageRef, View } from '../../layout/address.ts';
import { WHOLE } from '../../layout/zoom.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { useChanges } from '../../live/use.ts';
import { cellsAt, placeOf, type Space, valueAt } from '../../model/axes.ts';
import { factsOf } from '../../model/facts.ts';
import { hasPicture, type Tile, tilesOf } from '../../model/tiles.ts';
import { Alert } from '../../parts/alert.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Facts } from '../../parts/facts.tsx';
import { HideImages } from '../../parts/notice.tsx';
import { imageName, saveFile } from '../../parts/save.ts';
import { Stage, ZoomButtons, zoomKey } from '../../parts/stage.tsx';
import { imageWords, tileWords, words } from '../../words/app.ts';
import { gridWords, largeWords } from '../../words/audit.ts';
import { explain } from '../../words/outcomes.ts';
import { labelOf, simulatedAt } from './grid-cell.tsx';
import type { ViewProps } from './use-view.ts';

interface Props extends ViewProps {
  live: LiveAudit;
  at: ImageRef;
}

/** The cell of an image in the current arrangement, with the image's own values in place of pinned ones. */
function neighbors(space: Space, { arrangement }: View, n: number): number[] {
  const { rows, columns, pins } = arrangement;
  const here = Object.fromEntries(
    Object.entries(pins).map(([id, pin]) => [id, pin === 'all' ? 'all' : valueAt(space, id as never, n)]),
  ) as typeof pins;
  return cellsAt(space, { rows, columns, pins: here }, valueAt(space, rows, n), valueAt(space, columns, n));
}

/** One image in large, with everything that is known about it. Arrows step through the samples of its cell. */
export function Large({ live, space, view, at, change }: Props) {
  const { cells, plan } = live;
  useChanges(cells);
  const [zoom, setZoom] = useState(WHOLE);
  const [problem, setProblem] = useState<string>();
  const [checked, setChecked] = useState<'checking' | 'unchanged' | 'altered'>();
  const stage = useRef<HTMLDivElement>(null);
  const numbers = neighbors(space, view, at.n);
  const tiles = numbers.flatMap((n) => tilesOf(n, cells.at(n)));
  const position = Math.max(
    0,
    tiles.findIndex(({ n, index }) => n === at.n && index === at.index),
  );
  const prediction = cells.at(at.n);
  const tile: Tile =
    tilesOf(at.n, prediction).find(({ index }) => index === at.index) ?? tilesOf(at.n, prediction)[0]!;
  useEffect(() => cells.want('large', [at.n, ...numbers]), [cells, at.n]);
  useEffect(() => {
    setZoom(WHOLE);
    setProblem(undefined);
    setChecked(undefined);
  }, [at.n, at.index]);

  const step = (by: number) => {
    const next = tiles[(position + by + tiles.length) % tiles.length];
    if (next) change({ large: { n: next.n, index: next.index } }, true);
  };
  const isMarked = view.pair.some(({ n, index }) => n === at.n && index === at.index);
  const mark = () => {
    const without = view.pair.filter(({ n, index }) => n !== at.n || index !== at.index);
    change({ pair: isMarked ? without : [...without, at].slice(-2) }, true);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const zooming = zoomKey(event.key);
    if (zooming) setZoom(zooming);
    else if (event.key === 'ArrowRight') step(1);
    else if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'm') mark();
    else if (event.key === 'c' && view.pair.length === 2) change({ large: undefined, comparing: true });
    else return;
    event.preventDefault();
  };
  const download = async () => {
    if (!hasPicture(tile)) return;
    try {
      saveFile(
        await fetchImage(cells, at.n, at.index, 'original'),
        imageName(plan.id, at.n, at.index, tile.image.contentType),
      );
    } catch (error) {
      setProblem(error instanceof ImageProblem ? error.message : imageWords.notSaved);
    }
  };
  /** Reads the original again and compares it with what the pipeline recorded. */
  const check = async () => {
    if (!hasPicture(tile)) return;
    if (!isSecureContext) return setProblem(largeWords.needsHttps);
    setChecked('checking');
    try {
      const bytes = await (await fetchImage(cells, at.n, at.index, 'original')).arrayBuffer();
      setChecked((await sha256Of(bytes)) === tile.image.sha256 ? 'unchanged' : 'altered');
    } catch (error) {
      setChecked(undefined);
      setProblem(error instanceof ImageProblem ? error.message : imageWords.notSaved);
    }
  };
  const compareWith = (n: number) =>
    change({ large: undefined, pair: [at, { n, index: at.index }], comparing: true });

  return (
    <Dialog label={labelOf(space, at.n)} class="large" onClose={() => change({ large: undefined })}>
      <div class="inside" tabIndex={-1} onKeyDown={onKeyDown}>
        <div class="view" ref={stage}>
          {hasPicture(tile) ? (
            <Stage
              cells={cells}
              n={at.n}
              index={at.index}
              label={labelOf(space, at.n)}
              simulated={simulatedAt(space, at.n)}
              animated={tile.image.animated === true}
              zoom={zoom}
              onZoom={setZoom}
            />
          ) : (
            <div class={`stage tile ${tile.kind}`}>
              <p>{explain(tile)}</p>
              {simulatedAt(space, at.n) && <span class="simulated">{tileWords.simulated}</span>}
            </div>
          )}
          <div class="bar">
            <button type="button" aria-label={gridWords.previousSample} onClick={() => step(-1)}>
              ‹
            </button>
            <span aria-live="polite">{gridWords.position(position + 1, tiles.length)}</span>
            <button type="button" aria-label={gridWords.nextSample} onClick={() => step(1)}>
              ›
            </button>
            {hasPicture(tile) && <ZoomButtons zoom={zoom} onZoom={setZoom} />}
          </div>
        </div>
        <div class="about">
          <div class="buttons">
            {hasPicture(tile) && (
              <button type="button" onClick={download}>
                {largeWords.download}
              </button>
            )}
            {hasPicture(tile) && (
              <button type="button" disabled={checked === 'checking'} onClick={check}>
                {checked === 'checking' ? largeWords.checking : largeWords.check}
              </button>
            )}
            <button type="button" aria-pressed={isMarked} onClick={mark}>
              {isMarked ? largeWords.selected : largeWords.select}
            </button>
            <button
              type="button"
              class="quiet close"
              aria-label={words.close}
              onClick={() => change({ large: undefined })}
            >
              ✕
            </button>
          </div>
          <Alert text={problem} />
          {checked === 'unchanged' && <p role="status">{largeWords.unchanged(tile.isImported === true)}</p>}
          <Alert text={checked === 'altered' && largeWords.altered} />
          {tile.kind === 'blank' && <p class="hint">{explain(tile)}</p>}
          {tile.kind === 'quarantined' && (
            <>
              <p class="hint">{largeWords.saveEvidence}</p>
              <p class="command">
                <code>{largeWords.evidenceCommand(plan.id, at.n, tile.index)}</code>
              </p>
            </>
          )}
          {prediction && <Facts facts={factsOf(plan, prediction, at.index)} />}
          <Others live={live} n={at.n} onCompare={compareWith} />
          <HideImages />
        </div>
      </div>
    </Dialog>
  );
}

/**
 * Buttons that compare an image with those of the same seed: of the other models for its prompt, and of its model for the
 * prompts that are contrasted with it.
 */
function Others({
  live: { plan },
  n,
  onCompare,
}: {
  live: LiveAudit;
  n: number;
  onCompare: (n: number) => void;
}) {
  const place = placeOf(plan, n);
  const models = plan.models.map(({ model }, m) => ({ name: model, place: { ...place, model: m } }));
  const prompts = plan.prompts.flatMap(({ text }, p) =>
    plan.groups && seedGroup(plan, p) === seedGroup(plan, place.prompt)
      ? [{ name: text, place: { ...place, prompt: p } }]
      : [],
  );
  return [
    { title: largeWords.others, found: models },
    { title: largeWords.contrasts, found: prompts },
  ].map(({ title, found }) => {
    const others = found.flatMap(({ name, place }) => {
      const number = numberOf(plan, place);
      return number === undefined || number === n ? [] : [{ name, number }];
    });
    return (
      others.length > 0 && (
        <section key={title} aria-label={title}>
          <h3>{title}</h3>
          <div class="chips">
            {others.map(({ name, number }) => (
              <button key={number} type="button" class="chip" dir="auto" onClick={() => onCompare(number)}>
                {name}
              </button>
            ))}
          </div>
        </section>
      )
    );
  });
}
