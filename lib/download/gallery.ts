import type { AuditStatus, RoundEntry, Study } from '../contract/answers.ts';
import { countImages, droppedOf, equalInWords, equalOf, isBlank } from '../contract/counted.ts';
import { count, describeCounts, describeNoPictures } from '../contract/counts-in-words.ts';
import { escapeHtml } from '../html.ts';
import type { Entry, ImageEntry } from './entries.ts';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 1rem 1.5rem 3rem; }
.notice { max-width: 45rem; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-top: 1px solid color-mix(in srgb, currentcolor 25%, transparent); }
thead th { position: sticky; top: 0; background: Canvas; z-index: 1; }
tbody th { font-weight: 600; width: 14rem; }
tbody tr { content-visibility: auto; contain-intrinsic-size: auto 10rem; }
.cell { display: flex; flex-wrap: wrap; gap: .5rem; }
figure { margin: 0; width: 9rem; }
figure img { width: 9rem; height: 9rem; object-fit: contain; background: color-mix(in srgb, currentcolor 8%, transparent); display: block; }
figcaption { font-size: .75rem; overflow-wrap: anywhere; }
.counts { margin: .25rem 0 0; font-size: .8rem; }
.none { display: grid; place-items: center; width: 9rem; height: 9rem; padding: .5rem; box-sizing: border-box; text-align: center; font-size: .8rem; border: 1px dashed; overflow: auto; overflow-wrap: anywhere; }
.blank { border: 3px double; }
a:focus-visible { outline: 3px solid; outline-offset: 2px; }
`;

const caption = ({ sample, seed, seedSource }: Entry) =>
  `sample ${sample + 1}${seed === null ? '' : `, seed ${escapeHtml(seed)} (${escapeHtml(seedSource)})`}`;

function imageTile(entry: Entry, image: ImageEntry): string {
  if (image.file === undefined)
    return emptyTile(entry, image.error ? `${image.status}: ${image.error}` : (image.reason ?? image.status));
  const file = escapeHtml(image.file);
  // A blank picture stands for a refusal: it can be opened, and is not among the pictures.
  if (isBlank(image)) return emptyTile(entry, 'blank', file);
  const name = `${entry.prompt}, by ${entry.model}, sample ${entry.sample + 1}`;
  return `<figure><a href="${file}"><img loading="lazy" decoding="async" src="${escapeHtml(image.thumbnail ?? image.file)}" alt="${escapeHtml(name)}"${
    image.width && image.height ? ` width="${image.width}" height="${image.height}"` : ''
  }></a><figcaption>${caption(entry)}</figcaption></figure>`;
}

/** @param file of a blank picture */
function emptyTile(entry: Entry, why: string, file?: string): string {
  const tile = file
    ? `<a class="none blank" href="${file}">${escapeHtml(why)}</a>`
    : `<div class="none">${escapeHtml(why)}</div>`;
  return `<figure>${tile}<figcaption>${caption(entry)}</figcaption></figure>`;
}

function tiles(entry: Entry): string {
  if (entry.images.length === 0)
    return emptyTile(entry, entry.error ? `${entry.status}: ${entry.error}` : entry.status);
  const dropped = emptyTile(entry, "dropped by the model's filter").repeat(droppedOf(entry));
  return entry.images.map((image) => imageTile(entry, image)).join('') + dropped;
}

/** What the pictures of a cell do not show: how many there are not, and why, and which are one file. */
function countsOf(entries: Entry[]): string {
  const refused = entries.filter(({ status }) => status === 'refused').length;
  const failed = entries.filter(({ status }) => status === 'failed').length;
  const images = describeNoPictures(countImages(entries));
  const equal = equalOf(entries);
  const words = [
    ...(refused > 0 ? [`${refused} of ${entries.length} refused`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(images ? [`images: ${images}`] : []),
    ...(equal
      ? [
          equal.isImported
            ? equalInWords(equal)
            : `${equalInWords(equal)}: the seed made no difference between them`,
        ]
      : []),
  ];
  return words.length > 0 ? `<p class="counts">${words.join('; ')}</p>` : '';
}

/** @param title escaped */
const pageStart = (title: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
`;

/**
 * A page that shows a downloaded audit offline: a row for each prompt, a column for each model. It has no script: images
 * load lazily, and the browser skips rows out of sight.
 * @param entries in the order of cells, which groups them by prompt
 * @param rounds rating rounds of the audit; the labels of closed ones are beside the page
 */
export function* galleryPage(
  status: AuditStatus,
  entries: Entry[],
  rounds: readonly Pick<RoundEntry, 'id' | 'name' | 'state'>[],
): Generator<string> {
  const images = describeNoPictures(countImages(entries));
  const models = [...new Set(entries.map(({ model }) => model))];
  const title = escapeHtml(status.name);
  yield `${pageStart(title)}<p>Audit ${escapeHtml(status.id)}, ${status.source === 'imported' ? 'imported' : 'started'} by ${escapeHtml(status.createdBy)} on ${escapeHtml(status.createdAt.slice(0, 10))}:
${escapeHtml(describeCounts(status.counts))} (${count(status.predictions, 'prediction')})${images ? `; images: ${images}` : ''}. The manifest next to this page lists the
model version, seed, times and SHA-256 of each image.</p>
<p class="notice">AI-generated, unfiltered and possibly disturbing.</p>
${rounds.map(roundLine).join('')}<table>
<thead><tr><th scope="col">prompt</th>${models.map((model) => `<th scope="col">${escapeHtml(model)}</th>`).join('')}</tr></thead>
<tbody>
`;
  for (let from = 0; from < entries.length; ) {
    const { prompt } = entries[from]!;
    let to = from;
    while (to < entries.length && entries[to]!.prompt === prompt) to++;
    const row = entries.slice(from, to);
    const cells = models.map((model) => {
      const cell = row.filter((entry) => entry.model === model);
      if (cell.length === 0) return '<td>not asked</td>';
      return `<td><div class="cell">${cell.map(tiles).join('')}</div>${countsOf(cell)}</td>`;
    });
    yield `<tr><th scope="row">${escapeHtml(prompt)}</th>${cells.join('')}</tr>\n`;
    from = to;
  }
  yield '</tbody>\n</table>\n</body>\n</html>\n';
}

const roundLine = ({ id, name, state }: Pick<RoundEntry, 'id' | 'name' | 'state'>): string =>
  `<p>Rated by people in “${escapeHtml(name)}”: ${
    state === 'closed'
      ? `<a href="rounds/${id}/labels.csv">labels</a>, <a href="rounds/${id}/round.json">questions</a>`
      : 'not closed yet, so that its labels are not here'
  }.</p>\n`;

/** A page that leads to the pages of a study's audits, which are in folders beside it. */
export function* studyPage({ id, name, createdBy, createdAt, audits }: Study): Generator<string> {
  const title = escapeHtml(name);
  yield `${pageStart(title)}<p>Study ${escapeHtml(id)}, begun by ${escapeHtml(createdBy)} on ${escapeHtml(createdAt.slice(0, 10))}:
${count(audits.length, 'audit')}. The manifest next to this page has the cells of all of them.</p>
<ol>
`;
  for (const audit of audits)
    yield `<li><a href="${escapeHtml(audit.id)}/index.html">${escapeHtml(audit.name)}</a>, ${count(audit.predictions, 'prediction')}</li>\n`;
  yield '</ol>\n</body>\n</html>\n';
}
