import { stringify } from 'csv-stringify/browser/esm/sync';
import type { FindingsInput } from '../facts.ts';
import { imageOf, materialOf } from '../facts.ts';
import type { Findings, Group, Share } from '../findings.ts';

/** The files beside a report: what its numbers are made from, and the numbers. `recompute.py` reads them. */

/** Without it Excel takes UTF-8 for the encoding of the reader's country. */
const BYTE_ORDER_MARK = '\ufeff';
type Field = string | number | boolean | null | undefined;

/** Browsers differ in the last digits of logarithms; the same report is to have the same bytes everywhere. */
const DIGITS = 12;

const csv = (head: readonly string[], rows: readonly (readonly Field[])[]): string =>
  BYTE_ORDER_MARK +
  stringify([head, ...rows], {
    cast: {
      boolean: (value) => (value ? 'true' : 'false'),
      number: (value) => String(Number(value.toPrecision(DIGITS))),
    },
  });

/** One row for each label that counts. Several answers are separated by spaces. */
export function labelsCsv({ codebook, images, snapshot }: Omit<FindingsInput, 'audits'>): string {
  return csv(
    ['item', 'audit', 'cell', 'index', 'rater', 'showing', 'question', 'answer'],
    snapshot.labels.map(([item, question, rater, answer, showing]) => {
      const [audit, cell, index] = images[item]!.split('/');
      return [
        ...[item, audit, Number(cell), Number(index), rater, showing],
        ...[codebook.questions[question]!.id, [answer].flat().join(' ')],
      ];
    }),
  );
}

/** One row for each image, and for each cell without one: what was requested, and what became of it. */
export function cellsCsv(input: FindingsInput): string {
  const { audits, images, snapshot } = input;
  const { factors, reference, describe } = materialOf(input);
  const itemAt = new Map(images.map((image, place) => [image, place]));
  const reported = new Set(snapshot.reported);
  const rows = audits.flatMap(({ plan, cells }) =>
    cells.flatMap((cell) => {
      const found = describe(plan, cell.n);
      if (!found) return [];
      const { prompt, model, sample } = found;
      const start: Field[] = [
        ...[plan.id, cell.n, prompt.text, model],
        ...factors.map((name) => (Object.hasOwn(prompt.factors, name) ? prompt.factors[name] : '')),
        ...(reference === undefined ? [] : [prompt.reference]),
        ...[sample, cell.seed === null ? '' : String(cell.seed), cell.seedSource, cell.status],
        ...[cell.asked, cell.returned, cell.filtered],
      ];
      if (cell.images.length === 0) return [[...start, '', '', '', '', '', '']];
      return cell.images.map(({ index, status, blank, sha256 }) => {
        const item = itemAt.get(imageOf(plan.id, cell.n, index));
        return [
          ...start,
          index,
          status ?? 'not judged',
          blank === true,
          sha256,
          item,
          item !== undefined && reported.has(item),
        ];
      });
    }),
  );
  return csv(
    [
      ...['audit', 'cell', 'prompt', 'model', ...factors.map((name) => `factor:${name}`)],
      ...(reference === undefined ? [] : [`reference:${reference}`]),
      ...['sample', 'seed', 'seed_source', 'status', 'asked', 'returned', 'filtered'],
      ...['index', 'image_status', 'blank', 'sha256', 'item', 'reported'],
    ],
    rows,
  );
}

const groupFields = (group: Group): Field[] => {
  const { prompt, factor, value, model }: Partial<Record<string, string>> = group;
  return [group.kind, prompt ?? '', factor ?? '', value ?? '', model ?? ''];
};

export const sharesCsv = ({ shares }: Findings): string =>
  csv(
    [
      ...['question', 'answer', 'group', 'prompt', 'factor', 'value', 'model'],
      ...['n', 'pairs', 'seeds', 'share', 'low', 'high', 'least', 'most', 'outer_low', 'outer_high'],
      ...['with', 'without', 'unclear', 'missing', 'not_applicable', 'unanimous', 'any'],
      ...['too_few', 'reference', 'raters'],
    ],
    shares.map((one) => [
      ...[one.question, one.answer, ...groupFields(one.group)],
      ...[one.n, one.pairs, one.seeds, one.share, one.low, one.high],
      ...[one.least, one.most, one.outerLow, one.outerHigh],
      ...[one.with, one.without, one.unclear, one.missing, one.notApplicable, one.unanimous, one.any],
      ...[one.tooFew, one.reference, ratersField(one)],
    ]),
  );

/** `1.1:97/100 2.1:95/100` */
const ratersField = ({ raters }: Share) =>
  raters.map(({ rater, count, n }) => `${rater}:${count}/${n}`).join(' ');

export const contrastsCsv = ({ contrasts }: Findings): string =>
  csv(
    [
      ...['primary', 'question', 'answer', 'factor', 'one', 'other', 'model', 'level', 'method'],
      ...['n_one', 'n_other', 'difference', 'low', 'high', 'p', 'certainty', 'survives', 'too_few'],
    ],
    contrasts.map((one) => [
      ...[one.primary, one.question, one.answer, one.factor, one.one, one.other, one.model],
      ...[one.level, one.method, one.n?.[0], one.n?.[1], one.difference, one.low, one.high, one.p],
      ...[one.certainty, one.survives, one.tooFew],
    ]),
  );

export const agreementCsv = ({ agreement, said }: Findings): string =>
  csv(
    [
      ...['question', 'answer', 'scale', 'pictures', 'ratings', 'alpha', 'low', 'high', 'percent'],
      ...['said', 'cannot_tell', 'skipped', 'not_applicable'],
    ],
    agreement.map((one) => {
      const all = said.find(({ question }) => question === one.question)!;
      return [
        ...[one.question, one.answer, one.scale, one.pictures, one.ratings],
        ...[one.alpha, one.low, one.high, one.percent],
        ...[all.ratings, all.cannotTell, all.skipped, all.notApplicable],
      ];
    }),
  );

export const consistencyCsv = ({ consistency }: Findings): string =>
  csv(
    ['question', 'rater', 'same', 'of'],
    consistency.map(({ question, rater, same, of }) => [question, rater, same, of]),
  );

const OUTCOMES = [
  ...(['asked', 'succeeded', 'refused', 'failed', 'canceled'] as const),
  ...(['shown', 'blank', 'filtered', 'quarantined', 'lost'] as const),
];
export const outcomesCsv = ({ outcomes }: Findings): string =>
  csv(
    ['model', ...OUTCOMES],
    outcomes.map((one) => [one.model, ...OUTCOMES.map((name) => one[name])]),
  );

/** What was decided before the first label, and what was excluded after it. */
export const roundJson = ({ round, codebook, snapshot }: Omit<FindingsInput, 'audits'>): string => {
  const { closedAt, late, withdrawn, reported } = snapshot;
  return `${JSON.stringify({ round, codebook, snapshot: { closedAt, late, withdrawn, reported } }, null, 2)}\n`;
};
