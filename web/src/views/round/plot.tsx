import type { ContrastFinding, Share } from '../../../../lib/findings/findings.ts';
import { escapeXml } from '../../../../lib/html.ts';
import { saveFile } from '../../parts/save.ts';
import { shareCells, words } from '../../words/findings.ts';

/** A dot with its interval, from 0 to 1, as parts of a drawing. */
interface Marks {
  at?: number | undefined;
  interval?: [number, number] | undefined;
  bounds?: [number, number] | undefined;
  reference?: number | undefined;
}

const pairOf = (low: number | undefined, high: number | undefined): [number, number] | undefined =>
  low === undefined || high === undefined ? undefined : [low, high];

const marksOf = ({ share, low, high, outerLow, outerHigh, reference }: Share): Marks => ({
  at: share,
  interval: pairOf(low, high),
  bounds: pairOf(outerLow, outerHigh),
  // A design may refer to numbers that are no shares.
  reference: reference !== undefined && reference >= 0 && reference <= 1 ? reference : undefined,
});

const percentOf = (value: number) => `${Math.round(value * 1000) / 10}%`;

/** Lines and a dot that keep their size whatever the width. */
function Drawing({ at, interval, bounds, reference }: Marks) {
  const line = (name: string, [from, to]: [number, number]) => (
    <line class={name} x1={percentOf(from)} x2={percentOf(to)} y1="10" y2="10" />
  );
  return (
    <svg class="plotline" width="100%" height="20" aria-hidden="true">
      {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
        <line key={tick} class="grid-tick" x1={percentOf(tick)} x2={percentOf(tick)} y1="0" y2="20" />
      ))}
      {bounds && line('bounds', bounds)}
      {interval && line('interval', interval)}
      {reference !== undefined && (
        <line class="reference" x1={percentOf(reference)} x2={percentOf(reference)} y1="1" y2="19" />
      )}
      {at !== undefined && <circle class="point" cx={percentOf(at)} cy="10" r="4.5" />}
    </svg>
  );
}

/** A difference from -100 to +100 points. */
export function ContrastDrawing({ difference, low, high }: ContrastFinding) {
  const half = (value: number) => (value + 1) / 2;
  const interval = pairOf(low, high);
  return (
    <Drawing
      at={difference === undefined ? undefined : half(difference)}
      interval={interval && [half(interval[0]), half(interval[1])]}
      reference={0.5}
    />
  );
}

interface PlotProps {
  title: string;
  shares: readonly Share[];
  /** Shows the pictures that a share is of. */
  onOpen: (share: Share) => void;
}

/** Shares of an answer as a plot, with a table behind it. A row leads to its pictures. */
export function SharePlot({ title, shares, onOpen }: PlotProps) {
  return (
    <section class="plot" aria-label={title}>
      <h4 dir="auto">{title}</h4>
      <ul>
        {shares.map((share, place) => {
          const [name, text, interval] = shareCells(share);
          return (
            <li key={place} class={share.tooFew ? 'few' : ''}>
              <button type="button" class="link" dir="auto" onClick={() => onOpen(share)}>
                {name}
              </button>
              <Drawing {...marksOf(share)} />
              <span class="number">
                <b>{text}</b>{' '}
                <span class="hint">
                  {interval}
                  {share.tooFew && ` · ${words.tooFew}`}
                </span>
              </span>
            </li>
          );
        })}
      </ul>
      <details>
        <summary>{words.table(title)}</summary>
        <Table columns={words.columns} rows={shares.map(shareCells)} />
      </details>
      <button
        type="button"
        class="quiet"
        aria-label={words.saveSvgOf(title)}
        onClick={() =>
          saveFile(new Blob([svgOf(title, shares)], { type: 'image/svg+xml' }), `${fileOf(title)}.svg`)
        }
      >
        {words.saveSvg}
      </button>
    </section>
  );
}

const fileOf = (title: string) => `weaudit-${title.replace(/[^a-z0-9]+/gi, '-').slice(0, 60)}`;

/** Sizes of a saved plot. */
const [ROW, LEFT, WIDTH, RIGHT] = [26, 300, 360, 160];

/** A plot as a file that needs nothing else. */
function svgOf(title: string, shares: readonly Share[]): string {
  const x = (value: number) => LEFT + value * WIDTH;
  const height = ROW * (shares.length + 2);
  const rows = shares.map((share, place) => {
    const y = ROW * (place + 1.5);
    const [name, text, interval] = shareCells(share);
    const { at, interval: inner, bounds, reference } = marksOf(share);
    const line = ([from, to]: [number, number], width: number, color: string) =>
      `<line x1="${x(from)}" x2="${x(to)}" y1="${y}" y2="${y}" stroke="${color}" stroke-width="${width}"/>`;
    return [
      `<text x="${LEFT - 10}" y="${y + 4}" text-anchor="end">${escapeXml([...name].slice(0, 44).join(''))}</text>`,
      bounds ? line(bounds, 7, '#d8d5cc') : '',
      inner ? line(inner, 3, '#5d9aa3') : '',
      reference === undefined
        ? ''
        : `<line x1="${x(reference)}" x2="${x(reference)}" y1="${y - 9}" y2="${y + 9}" stroke="#8a4b08" stroke-dasharray="3 2"/>`,
      at === undefined ? '' : `<circle cx="${x(at)}" cy="${y}" r="4.5" fill="#0f6674"/>`,
      `<text x="${LEFT + WIDTH + 12}" y="${y + 4}">${escapeXml(`${text}  ${interval}`)}</text>`,
    ].join('');
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (tick) =>
      `<line x1="${x(tick)}" x2="${x(tick)}" y1="${ROW}" y2="${height - ROW}" stroke="#eceae4"/><text x="${x(tick)}" y="${height - 8}" text-anchor="middle">${tick * 100} %</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + RIGHT}" height="${height}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/><text x="10" y="17" font-weight="bold">${escapeXml(title)}</text>${ticks.join('')}${rows.join('')}</svg>`;
}

/** A table that scrolls by itself where it is too wide. */
export function Table({
  columns,
  rows,
}: {
  columns: readonly string[];
  rows: readonly (readonly (string | number)[])[];
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keys
    <div class="sheet" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, line) => (
            <tr key={line}>
              {row.map((cell, place) => (
                <td key={place} dir="auto">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
