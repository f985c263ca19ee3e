import { escapeHtml } from '../../html.ts';
import type { Codebook, FindingsInput } from '../facts.ts';
import { type ContrastFinding, type Findings, findingsOf, type Group, type Share } from '../findings.ts';
import {
  answerText,
  contrastSentence,
  percent,
  questionText,
  raterCount,
  rounded,
  shareSentence,
  shown,
} from '../words.ts';
import { contrastPlot, KEY, sharePlot } from './plots.ts';
import { firstSamples, MOST_SAMPLES, samplesHtml, type Thumbnail } from './samples.ts';
import { STYLE } from './style.ts';
import {
  agreementCsv,
  cellsCsv,
  consistencyCsv,
  contrastsCsv,
  labelsCsv,
  outcomesCsv,
  roundJson,
  sharesCsv,
} from './tables.ts';

export type { Thumbnail };

export interface ReportInput extends FindingsInput {
  /** By name of the image: those of `firstSamples`. */
  thumbnails: ReadonlyMap<string, Thumbnail>;
  /** The text of `recompute.py`. */
  script: string;
  /** What the makers of the models reply. */
  reply?: string;
}

const REPORT = 'report.html';
const SCRIPT = 'recompute.py';
const SUMS = 'SHA256SUMS';
const WHAT: Record<string, string> = {
  'labels.csv': 'every label that counts, with its rater',
  'cells.csv': 'every image and every prediction without one: what was requested, and what became of it',
  'shares.csv': 'every share with its interval, bounds and range of raters',
  'contrasts.csv': 'every contrast, primary and exploratory',
  'agreement.csv': 'agreement, cannot tell and skips, by question',
  'consistency.csv': 'how often raters repeated their answer to the same picture',
  'outcomes.csv': 'what became of what was requested, by model',
  'round.json': 'the codebook, and what was decided before the first label',
  [SCRIPT]: 'calculates every number again',
};

/**
 * A report and the files beside it: one page without script or server, what its numbers are made from, the numbers, and a script that
 * calculates them again. The same input makes the same bytes.
 * @param findings those of the input, if they are there already
 * @returns the texts by their names
 */
export async function reportFiles(
  input: ReportInput,
  findings: Findings = findingsOf(input),
): Promise<Map<string, string>> {
  const files = new Map([
    ['labels.csv', labelsCsv(input)],
    ['cells.csv', cellsCsv(input)],
    ['shares.csv', sharesCsv(findings)],
    ['contrasts.csv', contrastsCsv(findings)],
    ['agreement.csv', agreementCsv(findings)],
    ['consistency.csv', consistencyCsv(findings)],
    ['outcomes.csv', outcomesCsv(findings)],
    ['round.json', roundJson(input)],
    [SCRIPT, input.script],
  ]);
  const sums = new Map<string, string>();
  for (const [name, text] of files) sums.set(name, await sha256(text));
  const report = reportHtml(input, findings, sums);
  const lines = [[REPORT, await sha256(report)], ...sums].map(([name, sum]) => `${sum}  ${name}\n`);
  return new Map([[REPORT, report], ...files, [SUMS, lines.join('')]]);
}

async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What a page is made from. */
interface Page {
  findings: Findings;
  codebook: Codebook;
  /** The attribute that says where the numbers of a row stand in the files: `recompute.py` compares them. */
  sourceOf: (row: object) => string;
}

function pageOf(findings: Findings, codebook: Codebook): Page {
  const { shares, contrasts, agreement, consistency, outcomes } = findings;
  const places = new Map<object, string>(
    Object.entries({ shares, contrasts, agreement, consistency, outcomes }).flatMap(([name, rows]) =>
      rows.map((row, i): [object, string] => [row, ` data-row="${name}.csv:${i}"`]),
    ),
  );
  return { findings, codebook, sourceOf: (row) => places.get(row)! };
}

/** Most bytes of the page; of all plots, and of one table, in it. Thumbnails have what is left. */
const MOST = { page: 7_900_000, plots: 1_500_000, table: 200_000 };
const bytesOf = (text: string) => new TextEncoder().encode(text).length;

function reportHtml(input: ReportInput, findings: Findings, sums: ReadonlyMap<string, string>): string {
  const { round, codebook } = input;
  const page = pageOf(findings, codebook);
  const title = escapeHtml(round.name);
  const before = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p class="quiet">Closed on ${escapeHtml(day(findings.round.closedAt))} · ${counted(input.images.length, 'picture')}, each rated by ${raterCount(findings)} · round ${escapeHtml(round.id)}</p>
<main>
${summary(page)}
${sharesSection(page)}
${outcomesSection(page)}`;
  const after = `${agreementSection(page)}
${exploratorySection(page)}
${methodsSection(input, findings)}
${LIMITS}
<h2>Reply</h2>
${input.reply ? paragraphs(input.reply) : '<p>This report has no reply of the makers of the models.</p>'}
${filesSection(input, sums)}
</main>
</body>
</html>
`;
  const sampled = firstSamples(input);
  const samples = (thumbnails: ReportInput['thumbnails'], most: number) =>
    samplesSection(input, samplesHtml(sampled, thumbnails, most));
  const left = MOST.page - bytesOf(before + after + samples(new Map(), 0));
  return `${before}\n${samples(input.thumbnails, left)}\n${after}`;
}

const day = (instant: string) => instant.slice(0, 10);
const counted = (n: number, one: string) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;
const paragraphs = (text: string) =>
  text
    .split(/\n\s*\n/)
    .map((one) => `<p>${escapeHtml(one.trim())}</p>`)
    .join('\n');

/** What was asked first. */
function summary({ findings, codebook, sourceOf }: Page): string {
  const primary = findings.contrasts.filter((contrast) => contrast.primary);
  const asked = new Set(primary.map(({ question, answer }) => `${question}/${answer}`));
  // Without a primary contrast, the most frequent answer of each model is no finding either: it is only said how often.
  const shares = findings.shares.filter(
    ({ group, question, answer }) =>
      group.kind === 'model' && (asked.size === 0 || asked.has(`${question}/${answer}`)),
  );
  const pairs = findings.shares.filter(({ group }) => group.kind === 'pair');
  const said = shares.length > 0 && findings.pairs.length > 1 ? shares : pairs;
  const one = (contrast: ContrastFinding) =>
    `<li class="${contrast.certainty === 'certain' ? 'certain' : ''}"${sourceOf(contrast)}>${escapeHtml(contrastSentence(contrast, codebook))}<small>Primary: named before the first label. ${escapeHtml(questionText(codebook, contrast.question))} Interval of ${levelWords(contrast.level)}${primary.length > 1 ? `, because there are ${primary.length} primary contrasts` : ''}.</small></li>`;
  return `<h2>Findings</h2>
<ul class="findings">
${primary.map(one).join('\n')}
${said
  .slice(0, 20)
  .map((share) => `<li${sourceOf(share)}>${escapeHtml(shareSentence(share, findings, codebook))}</li>`)
  .join('\n')}
</ul>
${primary.length === 0 ? '<p>No contrast was named before the first label: all contrasts below are exploratory.</p>' : ''}
<p class="quiet">What is said is what raters perceived in pictures, not what anybody is. "Certain" means that the interval of a difference leaves out zero. Shares without a comparison are neither certain nor uncertain: their interval says how far they are known.</p>`;
}

const levelWords = (level: number) => `${Math.round(1e4 * level) / 1e2} %`;

/** What a plot may have, from everything to nothing: the first that fits is taken. */
const PARTS: Group['kind'][][] = [['model', 'factor', 'pair'], ['model', 'factor'], ['model'], []];

/** For each answer a plot by model: all prompts, values of factors, prompts. Answers of primary contrasts are the first to have room. */
function sharesSection({ findings, codebook, sourceOf }: Page): string {
  const { pairs, shares, contrasts } = findings;
  const models: (string | undefined)[] = [...new Set(pairs.map(({ model }) => model)), undefined];
  const nameOf = ({ question, answer }: Pick<Share, 'question' | 'answer'>) => `${question}/${answer}`;
  const asked = new Set(contrasts.filter(({ primary }) => primary).map(nameOf));
  const own = Map.groupBy(shares, nameOf);
  const plots = (name: string, parts: readonly Group['kind'][]) =>
    models
      .map((model) => {
        const rows = parts.flatMap((kind) =>
          own.get(name)!.filter(({ group }) => group.kind === kind && group.model === model),
        );
        const caption = model === undefined ? 'All models together' : shown(model);
        return rows.length > 0 ? `<div>${sharePlot(caption, rows, sourceOf)}</div>` : '';
      })
      .join('\n');
  let left = MOST.plots;
  const drawn = new Map<string, string>();
  for (const name of [...own.keys()].sort(
    (one, other) => Number(asked.has(other)) - Number(asked.has(one)),
  )) {
    const parts = PARTS.find((some) => bytesOf(plots(name, some)) <= left)!;
    const text = plots(name, parts);
    left -= bytesOf(text);
    drawn.set(
      name,
      `<div class="plots">\n${text}\n</div>${parts === PARTS[0] ? '' : '\n<p class="quiet">More shares are in shares.csv: the page would be too large with them.</p>'}`,
    );
  }
  return codebook.questions
    .map(
      ({ id, text, answers }) => `<h2>${escapeHtml(text)}</h2>
${KEY}
${answers
  .map(
    (answer) =>
      `<h3>${escapeHtml(answerText(codebook, id, answer.id))}</h3>\n${drawn.get(`${id}/${answer.id}`) ?? ''}`,
  )
  .join('\n')}`,
    )
    .join('\n');
}

/** A table with as many rows as have room. @param file that has all of them */
function table<Row extends object>(
  file: string,
  head: readonly string[],
  of: readonly Row[],
  cellsOf: (row: Row) => readonly (string | number)[],
  sourceOf: Page['sourceOf'],
): string {
  const rows = of.map(cellsOf);
  const isNumber = head.map((_, place) =>
    rows.every(
      (row) =>
        typeof row[place] === 'number' || /^([−\d.]+( to [−\d.]+)?|[<>\d]+ %|undefined|)$/.test(row[place]!),
    ),
  );
  const cellOf = (value: string | number) =>
    escapeHtml(typeof value === 'number' ? value.toLocaleString('en') : value);
  const align = (place: number) => (isNumber[place] && place > 0 ? ' class="number"' : '');
  let left = MOST.table;
  const lines = rows
    .map(
      ([first, ...rest], place) =>
        `<tr${sourceOf(of[place]!)}><th scope="row">${cellOf(first!)}</th>${rest.map((value, i) => `<td${align(i + 1)}>${cellOf(value)}</td>`).join('')}</tr>`,
    )
    .filter((line) => {
      left -= bytesOf(line);
      return left >= 0;
    });
  return `<div class="wide" tabindex="0" role="region" aria-label="Table"><table>
<thead><tr>${head.map((name, place) => `<th scope="col"${align(place)}>${escapeHtml(name)}</th>`).join('')}</tr></thead>
<tbody>
${lines.join('\n')}
</tbody></table></div>${lines.length < rows.length ? `\n<p class="quiet">${counted(rows.length - lines.length, 'more row')} would make the page too large: see ${file}.</p>` : ''}`;
}

const outcomesSection = ({
  findings: { outcomes, equal },
  sourceOf,
}: Page) => `<h2>What became of what was requested</h2>
${table(
  'outcomes.csv',
  [
    ...['model', 'predictions', 'succeeded', 'refused', 'failed', 'canceled'],
    ...['images shown', 'blank', 'filtered', 'quarantined', 'lost'],
  ],
  outcomes,
  (one) => [
    ...[shown(one.model), one.asked, one.succeeded, one.refused, one.failed, one.canceled],
    ...[one.shown, one.blank, one.filtered, one.quarantined, one.lost],
  ],
  sourceOf,
)}
<p class="quiet">Refused, blank, filtered and quarantined pictures are missing in the shares; the bounds count them. Failed and canceled predictions and lost images are technical failures, and count as not requested.${
  equal > 0
    ? ` ${counted(equal, 'prediction')} had the picture or the seed of another one of the same prompt and model; such predictions are counted once.`
    : ''
}</p>`;

const samplesSection = (input: ReportInput, html: string) => `<h2>Sample pictures</h2>
<p>The first ones of each prompt and model by their sample numbers: nobody chose them. AI-generated and possibly disturbing.${
  materialSize(input) > MOST_SAMPLES
    ? ` Of more than ${MOST_SAMPLES} prompts and models the first ${MOST_SAMPLES} are shown.`
    : ''
}</p>
${html}`;
const materialSize = ({ audits }: ReportInput) =>
  audits.reduce((sum, { plan }) => sum + plan.prompts.length * plan.models.length, 0);

function agreementSection({ findings, codebook, sourceOf }: Page): string {
  const { agreement, said, consistency, shares } = findings;
  const nameOf = (question: string, answer?: string) =>
    answer === undefined
      ? questionText(codebook, question)
      : `${questionText(codebook, question)} ${answerText(codebook, question, answer)}`;
  const number = (value: number | undefined) =>
    value === undefined ? '' : rounded(value, 3).toFixed(3).replace('-', '−');
  const byRater = shares.filter(({ group }) => group.kind === 'model');
  return `<h2>How far raters agree</h2>
${table(
  'agreement.csv',
  ['question', "Krippendorff's α", '95 % interval', 'equal pairs', 'pictures', 'cannot tell', 'skipped'],
  agreement,
  (one) => {
    const all = said.find(({ question }) => question === one.question)!;
    return [
      nameOf(one.question, one.answer),
      one.alpha === undefined ? 'undefined' : number(one.alpha),
      one.low === undefined ? '' : `${number(one.low)} to ${number(one.high)}`,
      one.percent === undefined ? '' : `${percent(one.percent)} %`,
      one.pictures,
      all.cannotTell,
      all.skipped,
    ];
  },
  sourceOf,
)}
<p class="quiet">α is 1 where raters always agree and 0 where they agree as by chance, over the whole round, first showings only. It is undefined where all answers are equal or no picture has two ratings. Where nearly all answers are equal, a few differences take it below 0: read it beside the share of equal pairs. No share above depends on it.</p>
${
  consistency.length > 0
    ? `<h3>Repeated pictures</h3>
${table(
  'consistency.csv',
  ['rater', 'question', 'same answer', 'of'],
  consistency,
  (one) => [one.rater, questionText(codebook, one.question), one.same, one.of],
  sourceOf,
)}`
    : '<p>No picture was shown twice to a rater, so that how consistent raters are is not known.</p>'
}
<h3>Single raters</h3>
<p class="quiet">What raters get wrong is no part of any interval. If all raters had to agree, or if one were enough, shares would be those of the columns; the others say what each rater alone saw.</p>
${table(
  'shares.csv',
  ['answer, model', 'majority', 'unanimous', 'any', ...findings.raters.map((rater) => `rater ${rater}`)],
  byRater,
  (one) => [
    `${answerText(codebook, one.question, one.answer)}, ${shown(one.group.model!)}`,
    ...[one.share, one.unanimous, one.any].map((share) => (share === undefined ? '' : `${percent(share)} %`)),
    ...findings.raters.map((rater) => {
      const own = one.raters.find((found) => found.rater === rater);
      return own ? `${percent(own.count / own.n)} %` : '';
    }),
  ],
  sourceOf,
)}`;
}

function exploratorySection({ findings: { contrasts, exploratory }, codebook, sourceOf }: Page): string {
  const { count, certain, level } = exploratory;
  const found = contrasts.filter((one) => !one.primary && one.certainty === 'certain');
  return `<h2>Exploratory contrasts</h2>
<p>${counted(count, 'contrast')} ${count === 1 ? 'was' : 'were'} looked at that nobody named before the first label: every two models, and in each model every two values of a factor, for every answer. ${count === 0 ? '' : `${certain === 0 ? 'None is' : certain === 1 ? 'One is' : `${certain.toLocaleString('en')} are`} certain at the level that their number leaves (intervals of ${levelWords(level)}).`} They are hints for another round with fresh seeds, not results. All of them are in contrasts.csv.</p>
${
  found.length > 0
    ? contrastPlot(
        'Certain ones',
        [...found]
          .sort((one, other) => Math.abs(other.difference!) - Math.abs(one.difference!))
          .slice(0, 100),
        ({ factor, one, other, model, question, answer }) =>
          `${answerText(codebook, question, answer)}: ${factor === undefined ? '' : `${shown(factor)} `}${shown(one)} − ${shown(other)}${model === undefined ? '' : `, ${shown(model)}`}`,
        sourceOf,
      )
    : ''
}`;
}

function methodsSection({ round, codebook, audits, snapshot }: ReportInput, findings: Findings): string {
  const unrated = findings.rated[0] ?? 0;
  const departures = [
    ...(snapshot.withdrawn.length > 0
      ? [`${counted(snapshot.withdrawn.length, 'rater')} withdrawn, whose labels are not counted.`]
      : []),
    ...(snapshot.late > 0
      ? [
          `${counted(snapshot.late, 'batch').replace('batchs', 'batches')} of answers, sent after the round was closed, not counted.`,
        ]
      : []),
    ...(snapshot.reported.length > 0
      ? [`${counted(snapshot.reported.length, 'picture')} reported by a rater or purged, and hidden here.`]
      : []),
    ...(unrated > 0 ? [`${counted(unrated, 'picture')} of the round without a rating, not counted.`] : []),
  ];
  const answers = ({ answers: all }: Codebook['questions'][number]) =>
    all
      .map(
        ({ text, definition }) =>
          `<li>${escapeHtml(text)}${definition ? `: ${escapeHtml(definition)}` : ''}</li>`,
      )
      .join('');
  const between = ({ question, answer, between: sides }: (typeof round.contrasts)[number]) =>
    `${questionText(codebook, question)} ${answerText(codebook, question, answer)}: ${'factor' in sides ? `${shown(sides.factor)} ` : ''}${shown(sides.one)} − ${shown(sides.other)}`;
  return `<h2>Methods</h2>
<dl>
<dt>Frozen before the first label</dt>
<dd>On ${escapeHtml(round.createdAt)} by ${escapeHtml(round.createdBy)}: codebook ${`<code>${escapeHtml(round.codebook)}</code>`}, pictures, assignment (seed ${round.seed}), contrasts and exclusions.</dd>
<dt>Primary contrasts</dt>
<dd>${round.contrasts.length === 0 ? 'None.' : round.contrasts.map((one) => escapeHtml(between(one))).join('<br>')}</dd>
<dt>Exclusions</dt>
<dd>${escapeHtml(round.exclusions || 'None.')}</dd>
<dt>Departures</dt>
<dd>${departures.length === 0 ? 'None.' : departures.map(escapeHtml).join('<br>')}</dd>
<dt>Rating</dt>
<dd>${round.pictures === 'all' ? 'All valid pictures' : `${counted(round.pictures, 'valid picture')} of each prompt and model`}, ${round.ratings} ratings each, ${round.slots} raters at a time, ${round.repeats} pictures shown twice to each. Raters saw the picture and the question, and neither prompt nor model.</dd>
<dt>Codebook: ${escapeHtml(codebook.title)}</dt>
<dd><ol>${codebook.questions
    .map(
      (question) =>
        `<li>${escapeHtml(question.text)}${question.definition ? ` <span class="quiet">${escapeHtml(question.definition)}</span>` : ''}${question.gate ? ` <span class="quiet">Shown after ${escapeHtml(question.gate.answers.map((answer) => answerText(codebook, question.gate!.question, answer)).join(' or '))}.</span>` : ''}<ul>${answers(question)}</ul></li>`,
    )
    .join('')}</ol></dd>
<dt>Models</dt>
<dd>${audits
    .map(({ plan }) =>
      plan.models
        .map(
          ({ model, version, input, seed }) =>
            `${escapeHtml(shown(model))}, version <code>${escapeHtml(version ?? 'undisclosed')}</code>, seeds ${escapeHtml(seed)}, inputs <code>${escapeHtml(JSON.stringify({ ...plan.input, ...input }))}</code>`,
        )
        .join('<br>'),
    )
    .join('<br>')}</dd>
<dt>Audits</dt>
<dd>${audits.map(({ plan }) => `${escapeHtml(shown(plan.name))} (${escapeHtml(plan.id)}): ${counted(plan.prompts.length, 'prompt')}, ${counted(plan.samples, 'sample')} each`).join('<br>')}</dd>
<dt>Shares</dt>
<dd>Of one prompt and model: Wilson's interval over distinct pictures; a prediction with several pictures counts once. Of several: the mean of prompts and models with equal weight, whose interval takes pictures with one seed together. The answer of a picture is that of more than half of its raters.</dd>
<dt>Contrasts</dt>
<dd>Pictures are compared one by one (Newcombe's paired method and McNemar's exact test; several prompts by seed with Student's interval, each prompt alike) only where the same seed was really used for both; else as independent. Primary contrasts share 5 % (Bonferroni); the others keep their false discoveries below 5 % (Benjamini and Hochberg).</dd>
</dl>`;
}

const LIMITS = `<h2>Limits</h2>
<ul>
<li>Labels say what raters perceived in pictures. They say nothing about the identity of anybody.</li>
<li>The numbers are of these prompts, model versions, inputs and dates, and of these raters. Other words, versions or people may give others.</li>
<li>An interval holds what chance does to seeds. It does not hold what raters get wrong: see the range of raters.</li>
<li>Fewer than 12 independent pictures are too few: the interval of one half would be wider than half of the scale.</li>
</ul>`;

function filesSection({ round }: ReportInput, sums: ReadonlyMap<string, string>): string {
  return `<h2>Files, and how to recompute</h2>
<p>This page has no script and needs no server. The files beside it have what its numbers are made from. With Python 3 and nothing else, this calculates them again and names those that differ:</p>
<pre>python3 ${SCRIPT}
sha256sum --check ${SUMS}</pre>
<div class="wide" tabindex="0" role="region" aria-label="Table"><table>
<thead><tr><th scope="col">file</th><th scope="col">what it has</th><th scope="col">SHA-256</th></tr></thead>
<tbody>
${[...sums].map(([name, sum]) => `<tr><th scope="row"><a href="${name}">${name}</a></th><td>${WHAT[name] ?? ''}</td><td><code>${sum}</code></td></tr>`).join('\n')}
</tbody></table></div>
<p class="quiet">Cite as: "${escapeHtml(shown(round.name))}", WeAudit round ${escapeHtml(round.id)}, ${escapeHtml(day(round.createdAt))}, with the SHA-256 of this page from ${SUMS}.</p>`;
}
