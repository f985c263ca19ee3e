import { escapeHtml } from '../../html.ts';
import type { ContrastFinding, Group, Share } from '../findings.ts';
import { amount, percent, pictures, points, rounded, shown } from '../words.ts';

/** Plots of a report: a table whose rows have a small drawing each, so that no number is in a drawing alone. */

const x = (share: number) => Math.round(1_000 * share) / 10;
const line = (name: string, from: number, to: number) => `<path class="${name}" d="M${x(from)} 5H${x(to)}"/>`;
const tick = (name: string, at: number) => `<path class="${name}" d="M${x(at)} 0V10"/>`;
const dot = (at: number) => `<path class="dot" d="M${x(at)} 5h.01"/>`;
/** Stretched to the width of its cell; lines keep their widths. */
const drawing = (parts: readonly string[], more = '') =>
  `<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"${more}>${parts.join('')}</svg>`;

/** A share from 0 to 100 %: a dot, its interval, paler bounds, and a tick for what the design refers to. */
function shareDrawing({ share, low, high, outerLow, outerHigh, reference, tooFew }: Share): string {
  const parts = [0, 0.25, 0.5, 0.75, 1].map((at) => tick('grid', at));
  if (outerLow !== undefined && outerHigh !== undefined) parts.push(line('bounds', outerLow, outerHigh));
  if (share !== undefined) parts.push(line('interval', low!, high!), dot(share));
  if (reference !== undefined && reference >= 0 && reference <= 1) parts.push(tick('reference', reference));
  return drawing(parts, tooFew ? ' class="few"' : '');
}

const rowName = (group: Group) =>
  group.kind === 'pair'
    ? shown(group.prompt)
    : group.kind === 'model'
      ? 'All prompts'
      : `${shown(group.factor)}: ${shown(group.value)}`;

/** A row of a plot; what is behind the drawing is in words below the name. */
function shareRow(share: Share, source: string): string {
  const { group, n, least, most, unanimous, any, unclear, missing, tooFew, reference } = share;
  const range = (from: number | undefined, to: number | undefined) =>
    `${percent(from ?? 0)} to ${percent(to ?? 0)}\u00a0%`;
  const words = [
    pictures(n),
    ...(unclear > 0 ? [`${amount(unclear)} unclear`] : []),
    ...(missing > 0 ? [`${amount(missing)} missing`] : []),
    ...(unclear + missing > 0 ? [`with these ${range(least, most)}`] : []),
    ...(unanimous === undefined || any === undefined || unanimous === any
      ? []
      : [`raters ${range(unanimous, any)}`]),
    ...(reference === undefined ? [] : [`reference ${percent(reference)} %`]),
    ...(tooFew ? ['too few pictures'] : []),
  ];
  const numbers =
    share.share === undefined
      ? 'no answer'
      : `<b>${escapeHtml(percent(share.share))} %</b><small>${escapeHtml(`${percent(share.low!)} to ${percent(share.high!)}`)}</small>`;
  return `<tr${group.kind === 'pair' ? '' : ' class="group"'}${source}><th scope="row">${escapeHtml(rowName(group))}<small>${escapeHtml(words.join(' · '))}</small></th><td class="bar">${shareDrawing(share)}</td><td class="number">${numbers}</td></tr>`;
}

/** Shares of one answer and one model, as a plot. */
export const sharePlot = (
  caption: string,
  shares: readonly Share[],
  sourceOf: (row: object) => string,
): string => `<table class="plot">
<caption>${escapeHtml(caption)}</caption>
<thead><tr><th scope="col"></th><th scope="col">0 to 100 %</th><th scope="col" class="number">share</th></tr></thead>
<tbody>
${shares.map((share) => shareRow(share, sourceOf(share))).join('\n')}
</tbody></table>`;

/** A difference from -100 to +100 points. */
export function contrastDrawing({ difference, low, high, tooFew }: ContrastFinding): string {
  const at = (value: number) => (value + 1) / 2;
  const parts = [0, 0.25, 0.75, 1].map((place) => tick('grid', place));
  parts.push(tick('reference', 0.5));
  if (difference !== undefined) parts.push(line('interval', at(low!), at(high!)), dot(at(difference)));
  return drawing(parts, tooFew ? ' class="few"' : '');
}

/** Contrasts as a plot. @param nameOf the words for what is compared */
export const contrastPlot = (
  caption: string,
  contrasts: readonly ContrastFinding[],
  nameOf: (contrast: ContrastFinding) => string,
  sourceOf: (row: object) => string,
): string => `<table class="plot">
<caption>${escapeHtml(caption)}</caption>
<thead><tr><th scope="col"></th><th scope="col">−100 to +100 points</th><th scope="col" class="number">difference</th></tr></thead>
<tbody>
${contrasts
  .map((one) => {
    const { difference, low, high, certainty, survives, method, n, p } = one;
    const words = [
      certainty,
      ...(certainty === 'certain' ? [`survives what is missing: ${survives ? 'yes' : 'no'}`] : []),
      ...(method ? [method] : []),
      ...(n ? [n[0] === n[1] ? pictures(n[0]) : `${pictures(n[0])} and ${pictures(n[1])}`] : []),
      ...(p === undefined ? [] : [`exact p ${p < 0.001 ? 'below 0.001' : rounded(p, 3).toFixed(3)}`]),
    ];
    const numbers =
      difference === undefined
        ? 'no answer'
        : `<b>${points(difference)}</b><small>${points(low!)} to ${points(high!)}</small>`;
    return `<tr${sourceOf(one)}><th scope="row">${escapeHtml(nameOf(one))}<small>${escapeHtml(words.join(' · '))}</small></th><td class="bar">${contrastDrawing(one)}</td><td class="number">${numbers}</td></tr>`;
  })
  .join('\n')}
</tbody></table>`;

/** What the parts of a drawing mean. */
export const KEY = `<ul class="key quiet">
<li>${drawing([line('interval', 0.1, 0.9), dot(0.5)])} share and its 95 % interval</li>
<li>${drawing([line('bounds', 0, 1)])} where it would be if what is unclear and missing were known</li>
<li>${drawing([tick('reference', 0.5)])} reference of the design</li>
</ul>`;
