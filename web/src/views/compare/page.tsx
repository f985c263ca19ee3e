import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { numberOf } from '../../../../lib/records/pairs.ts';
import { linesOf, windowOf } from '../../layout/windowing.ts';
import type { LiveAudit } from '../../live/audit.ts';
import { useChanges } from '../../live/use.ts';
import {
  type AlignedRow,
  alignAudits,
  type Difference,
  promptDifferences,
  settingDifferences,
} from '../../model/align.ts';
import { isSimulated, spaceOf } from '../../model/axes.ts';
import { outcomeOf, outcomeOfAll } from '../../model/rates.ts';
import { imagesEach, type Tile, tilesOf } from '../../model/tiles.ts';
import { Alert } from '../../parts/alert.tsx';
import { ContentNotice, HideImages } from '../../parts/notice.tsx';
import { OutcomeLine } from '../../parts/outcome.tsx';
import { TileView } from '../../parts/tile.tsx';
import { When } from '../../parts/when.tsx';
import { words } from '../../words/compare.ts';
import { equalExplained, outcomeLengths, words as outcomeWords } from '../../words/outcomes.ts';
import { labelOf } from '../audit/grid-cell.tsx';
import { useAudit } from '../audit/page.tsx';
import { Verdict } from '../audit/verdict.tsx';

/** Sizes in CSS pixels: lines of the heading and of the words about each half, their wide characters, what stands around them. */
const HEADING = { line: 21, character: 8.5, most: 4 };
const ABOUT = { line: 21, character: 7.5 };
const AROUND = 32;
const TILE = 84;
/** Differences of one kind that are listed, and that are listed without a click. */
const MOST = 100;
const OPEN = 4;
const NEAR = 2;

/** Two audits side by side: `/compare?a=…&b=…`. */
export function ComparePage() {
  const query = new URLSearchParams(location.search);
  const a = useAudit(query.get('a') ?? '');
  const b = useAudit(query.get('b') ?? '');
  const problem = a.problem ?? b.problem;
  if (problem)
    return (
      <section class="empty">
        <Alert text={problem} />
        <a href="/audits.html">{words.selectTwo}</a>
      </section>
    );
  if (!a.live || !b.live) return <p class="empty">{words.loading}</p>;
  return <Comparison a={a.live} b={b.live} />;
}

function Comparison({ a, b }: { a: LiveAudit; b: LiveAudit }) {
  const rows = useMemo(() => alignAudits(a.plan, b.plan), [a, b]);
  const settings = useMemo(() => settingDifferences(a.plan, b.plan), [a, b]);
  const prompts = useMemo(() => promptDifferences(a.plan, b.plan), [a, b]);
  const shared = rows.filter((row) => row.a && row.b).length;
  return (
    <article class="compare">
      <div class="lead">
        <h1>{words.title}</h1>
        <p class="meta">
          {words.inBoth(shared, rows.length)} <HideImages />
        </p>
      </div>
      <ContentNotice />
      <Differences {...{ a, b }} title={words.differing(settings.length)} differences={settings} />
      <Differences {...{ a, b }} title={words.promptsDiffering(prompts.length)} differences={prompts} />
      <Totals a={a} b={b} rows={rows} />
      {settings.length + prompts.length === 0 && <p class="hint">{words.nothingDiffers}</p>}
      <AlignedRows a={a} b={b} rows={rows} />
    </article>
  );
}

/** What the pairs came to that both audits have: each audit as one line, and whether their refusals differ. */
function Totals({ a, b, rows }: { a: LiveAudit; b: LiveAudit; rows: AlignedRow[] }) {
  const versions = [useChanges(a.cells), useChanges(b.cells)];
  const outcomes = useMemo(() => {
    const both = rows.filter((row) => row.a && row.b);
    return (
      [
        [a, 'a'],
        [b, 'b'],
      ] as const
    ).map(([live, side]) =>
      outcomeOf(both.flatMap((row) => numbersOf(live, row[side])).map((n) => live.cells.at(n))),
    );
  }, [a, b, rows, ...versions]);
  const names = [a, b].map(({ plan }, i) => words.side(plan.name, i === 0 ? 'A' : 'B'));
  return (
    <section class="outcomes totals" aria-label={words.totals}>
      <h2>{words.totals}</h2>
      {outcomes.map((outcome, i) => (
        <p key={i}>
          {names[i]}: <OutcomeLine outcome={outcome} />
        </p>
      ))}
      <Verdict names={names} outcomes={outcomes} />
    </section>
  );
}

interface DifferencesProps {
  a: LiveAudit;
  b: LiveAudit;
  title: string;
  differences: Difference[];
}

/** What differs, as it is in each audit. */
function Differences({ a, b, title, differences }: DifferencesProps) {
  if (differences.length === 0) return null;
  return (
    <details class="outcomes" open={differences.length <= OPEN}>
      <summary>{title}</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.difference}</th>
            {[a, b].map(({ plan }, i) => (
              <th key={i} scope="col">
                {words.side(plan.name, i === 0 ? 'A' : 'B')} · <When at={plan.createdAt} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {differences.slice(0, MOST).map(({ what, a: x, b: y }, i) => (
            <tr key={i}>
              <th scope="row">{what}</th>
              <td class="differs" dir="auto">
                {x}
              </td>
              <td class="differs" dir="auto">
                {y}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {differences.length > MOST && <p class="hint">{words.first(MOST, differences.length)}</p>}
    </details>
  );
}

function AlignedRows({ a, b, rows }: { a: LiveAudit; b: LiveAudit; rows: AlignedRow[] }) {
  const versions = [useChanges(a.cells), useChanges(b.cells)];
  const scroller = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ from: 0, to: 0 });
  const [height, setHeight] = useState(AROUND + 2 * TILE);
  const longest = useMemo(
    () => Math.max(0, ...rows.map(({ prompt, model }) => prompt.length + model.length + 1)),
    [rows],
  );
  const about = useMemo(
    () =>
      [a, b].map(({ cells, plan }) => {
        const all = outcomeOfAll(cells);
        const tiles = plan.samples * imagesEach(plan);
        return {
          tiles,
          lengths: [words.allTiles(tiles).length + 5, ...outcomeLengths(all, tiles)],
          equal: all.equal,
        };
      }),
    [a, b, ...versions],
  );
  /** Of every row: the heading, the words about its longer half, one or two rows of tiles. */
  const rowHeight = (width: number) => {
    const heading = Math.min(HEADING.most, Math.ceil((longest * HEADING.character) / width));
    const half = width / 2 - 12;
    const lines = about.map(
      ({ lengths, equal }) => linesOf(lengths, Math.floor(half / ABOUT.character)) + (equal ? 1 : 0),
    );
    const strips = Math.ceil(Math.max(...about.map(({ tiles }) => tiles)) / Math.floor(half / TILE));
    return heading * HEADING.line + Math.max(...lines) * ABOUT.line + Math.min(2, strips) * TILE + AROUND;
  };
  const update = () => {
    const element = scroller.current!;
    const row = element.querySelector('.alignedrow h2');
    const height = rowHeight(row?.clientWidth ?? element.clientWidth - 48);
    setHeight(height);
    const next = windowOf(element.scrollTop, element.clientHeight, height, rows.length, NEAR);
    setRange((now) => (now.from === next.from && now.to === next.to ? now : next));
  };
  useLayoutEffect(() => {
    update();
    const watcher = new ResizeObserver(update);
    watcher.observe(scroller.current!);
    return () => watcher.disconnect();
  }, [rows, about]);
  const shown = rows.slice(range.from, range.to);
  useEffect(() => {
    a.cells.want(
      'compare',
      shown.flatMap((row) => numbersOf(a, row.a)),
    );
    b.cells.want(
      'compare',
      shown.flatMap((row) => numbersOf(b, row.b)),
    );
  }, [a, b, range]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
    <section ref={scroller} class="aligned" aria-label={words.rows} tabIndex={0} onScroll={update}>
      <div class="canvas" style={{ height: `${rows.length * height}px` }}>
        {shown.map((row, i) => (
          <div
            key={range.from + i}
            class="alignedrow"
            style={{ top: `${(range.from + i) * height}px`, height: `${height}px` }}
          >
            <h2 title={row.prompt}>
              <bdi>{row.prompt}</bdi> <span class="meta">{row.model}</span>
            </h2>
            <Half name="A" live={a} place={row.a} version={versions[0]!} />
            <Half name="B" live={b} place={row.b} version={versions[1]!} />
          </div>
        ))}
      </div>
    </section>
  );
}

type RowPlace = AlignedRow['a'];

const numbersOf = ({ plan }: LiveAudit, place: RowPlace): number[] =>
  place
    ? Array.from({ length: plan.samples }, (_, sample) => numberOf(plan, { ...place, sample }) ?? []).flat()
    : [];

/** One audit's half of a row. A tile opens the image on that audit's page. */
function Half({ name, live, place }: { name: string; live: LiveAudit; place: RowPlace; version: number }) {
  const space = useMemo(() => spaceOf(live.plan), [live]);
  const frame = useRef<HTMLDivElement>(null);
  const width = frame.current?.clientWidth ?? 480;
  if (!place)
    return (
      <div class="half none" ref={frame}>
        {words.notIn(name, live.plan.name)}
      </div>
    );
  const numbers = numbersOf(live, place);
  const tiles = numbers.flatMap((n) => tilesOf(n, live.cells.at(n)));
  const outcome = outcomeOf(numbers.map((n) => live.cells.at(n)));
  const fitting = Math.max(2, Math.floor(width / TILE)) * 2;
  const address = (tile?: Tile) =>
    `/audit.html?id=${live.plan.id}&rows=prompt&columns=model${tile ? `&image=${tile.n}.${tile.index}` : `&wall=${place.prompt}.${place.model}`}`;
  const simulated = isSimulated(live.plan.models[place.model]?.model ?? '');
  return (
    <div class="half" ref={frame}>
      <p class="meta">
        <b>{name}</b> <a href={address()}>{words.allTiles(tiles.length)}</a>
        {' · '}
        <OutcomeLine outcome={outcome} />
      </p>
      {outcome.equal && (
        <p class="equal" title={equalExplained(outcome.equal)}>
          {outcomeWords.sameFile(outcome.equal.count, outcome.equal.of)}
        </p>
      )}
      <div class="strip">
        {tiles.slice(0, fitting).map((tile) => (
          <TileView
            key={`${tile.n}.${tile.index}`}
            cells={live.cells}
            tile={tile}
            label={words.sideLabel(name, labelOf(space, tile.n))}
            simulated={simulated}
            tabIndex={0}
            onOpen={() => location.assign(address(tile))}
          />
        ))}
      </div>
    </div>
  );
}
