import path from 'node:path';
import { FAMILIES } from '../../lib/replicate/reading/refusals.ts';
import { type AnswerCase, casesOf, KINDS, type Kind, resultOf, valuesOf } from './answers.ts';

interface Row {
  what: string;
  cases: number;
  /** Read as a person reads it. */
  right: number;
  /** Of what was read, how much is so; of what is so, how much was read. Undefined where there is nothing to divide by. */
  precision: number | undefined;
  recall: number | undefined;
}

interface Read {
  kind: Kind;
  given: AnswerCase;
  expected: AnswerCase['expect'];
  read: Required<AnswerCase['expect']>;
  family: string | undefined;
}

/** Cases that were found, or written, after the rules. */
const isLater = (kind: Kind) => kind === 'unseen' || kind === 'models' || kind === 'wordings';
const ALWAYS = () => true;
const isAllRight = ({ expected, read }: Read) =>
  Object.entries(expected).every(([name, value]) => read[name as keyof typeof read] === value);

/** `is` selects the cases in which something should be read, `found` those in which it was. */
function rowOf(
  what: string,
  reads: Read[],
  is: (read: Read) => boolean,
  found: (read: Read) => boolean,
  isRight: (read: Read) => boolean,
): Row {
  const share = (of: Read[]) => (of.length > 0 ? of.filter(isRight).length / of.length : undefined);
  const meant = reads.filter(is);
  return {
    what,
    cases: meant.length,
    right: meant.filter(isRight).length,
    precision: share(reads.filter(found)),
    recall: share(meant),
  };
}

/** How the rules read the project's own cases, by family, as rows of a table. */
export async function readings(): Promise<string> {
  const reads: Read[] = [];
  for (const kind of KINDS)
    for (const given of casesOf(kind)) {
      const result = await resultOf(given);
      const read = valuesOf(given, result);
      reads.push({ kind, given, expected: given.expect, read, family: result.reading?.refusal?.family });
    }
  const isRefusal = ({ expected }: Read) => expected.status === 'refused';
  const refusals = (what: string, is: (read: Read) => boolean, found: (read: Read) => boolean) =>
    rowOf(what, reads, is, found, (read) => isRefusal(read) && read.read.status === 'refused');
  const sameCount = ({ expected, read }: Read) => expected.filtered === read.filtered;
  const sameSeed = ({ expected, read }: Read) =>
    expected.seed === read.seed && expected.seedSource === read.seedSource;
  const seedCases = reads.filter(({ expected }) => expected.seedSource !== undefined);
  const about = (kind: 'counts' | 'seeds') => [...new Set(casesOf(kind).map(({ family }) => family))];
  const countCases = reads.filter(({ expected }) => expected.filtered !== undefined);
  const ofModels = reads.filter(({ kind }) => kind === 'models');
  const rows = [
    refusals('**refusals**', isRefusal, ({ read }) => read.status === 'refused'),
    rowOf(
      'of these, found after the rules were written',
      reads.filter(({ kind }) => isLater(kind)),
      isRefusal,
      ({ read }) => read.status === 'refused',
      (read) => isRefusal(read) && read.read.status === 'refused',
    ),
    ...FAMILIES.map(({ name }) =>
      refusals(
        name,
        (read) => isRefusal(read) && !isLater(read.kind) && read.given.family === name,
        (read) => !isLater(read.kind) && read.family === name,
      ),
    ),
    rowOf(
      '**filter counts**',
      countCases,
      ({ expected }) => expected.filtered! > 0,
      ({ read }) => read.filtered > 0,
      sameCount,
    ),
    ...about('counts').map((family) =>
      rowOf(
        family,
        countCases.filter(({ kind, given }) => kind === 'counts' && given.family === family),
        () => true,
        () => true,
        sameCount,
      ),
    ),
    rowOf(
      '**seeds in a log**',
      seedCases,
      ({ expected }) => expected.seedSource === 'log',
      ({ read }) => read.seedSource === 'log',
      sameSeed,
    ),
    ...about('seeds').map((family) =>
      rowOf(
        family,
        seedCases.filter(({ kind, given }) => kind === 'seeds' && given.family === family),
        () => true,
        () => true,
        sameSeed,
      ),
    ),
    rowOf('**by model: refusals, faults, counts and seeds**', ofModels, ALWAYS, ALWAYS, isAllRight),
    ...[...new Set(ofModels.map(({ given }) => given.family))].map((model) => {
      const own = ofModels.filter(({ given }) => given.family === model);
      return rowOf(model, own, ALWAYS, ALWAYS, isAllRight);
    }),
  ];
  const share = (value: number | undefined) => (value === undefined ? '' : value.toFixed(2));
  return [
    '| what | cases | right | precision | recall |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ what, cases, right, precision, recall }) =>
        `| ${what} | ${cases} | ${right} | ${share(precision)} | ${share(recall)} |`,
    ),
  ].join('\n');
}

if (process.argv[1] && path.resolve(process.argv[1]) === import.meta.filename)
  process.stdout.write(`${await readings()}\n`);
