import { CANNOT_TELL } from '../contract/gates.ts';
import { alpha, coincidences, percentAgreement, type Ratings, type Scale } from './agreement.ts';
import type { Codebook } from './facts.ts';
import { codeOf, NOT_APPLICABLE, type Rating, type Sheets, scaleOf, type Variable } from './ratings.ts';

/** How far the raters of a round agree with each other and with themselves. */

export interface Agreement {
  question: string;
  /** Of a question that takes several answers: whether this one was given. */
  answer?: string;
  scale: Scale;
  /** Pictures with two ratings or more. */
  pictures: number;
  ratings: number;
  /** Krippendorff's. Absent where all answers are equal, or no picture has two. */
  alpha?: number;
  /** Interval of α by drawing seeds again. Absent where α is, or with fewer than two seeds. */
  low?: number;
  high?: number;
  /** The share of pairs of ratings that are equal. */
  percent?: number;
}

/** Draws of the interval. */
export const DRAWS = 1_000;

/**
 * Agreement over the whole round, first showings only. Raters who say "not applicable" disagreed before, at the gate, and are left out
 * here. "Cannot tell" is an answer, but has no place on a scale.
 * @param seedOf the seed of a picture: pictures with one seed are drawn together
 * @param start decides the draws
 */
export function agreementOf(
  variable: Variable,
  ratings: ReadonlyMap<number, readonly Rating[]>,
  seedOf: (item: number) => string,
  start: number,
): Agreement {
  const scale = scaleOf(variable);
  const isCounted = (code: number) => {
    const name = variable.codes[code];
    return name !== NOT_APPLICABLE && !(scale === 'ordinal' && name === CANNOT_TELL);
  };
  const groups = new Map<string, Ratings[]>();
  for (const [item, given] of [...ratings].sort(([one], [other]) => one - other)) {
    const codes = given.map(({ code }) => code).filter(isCounted);
    if (codes.length > 1) groups.set(seedOf(item), [...(groups.get(seedOf(item)) ?? []), codes]);
  }
  const units = [...groups.values()].flat();
  const found = alpha(coincidences(units), scale);
  const percent = percentAgreement(units);
  return {
    question: variable.question.id,
    ...(variable.answer === undefined ? {} : { answer: variable.answer }),
    scale,
    pictures: units.length,
    ratings: units.reduce((sum, { length }) => sum + length, 0),
    ...(found === undefined ? {} : { alpha: found, ...drawn([...groups.values()], scale, start) }),
    ...(percent === undefined ? {} : { percent }),
  };
}

/**
 * The interval of α: as many seeds as there are, drawn with replacement, a thousand times. Of these the 25th and the 975th α count.
 * Draws in which all answers are equal have none.
 */
function drawn(
  groups: readonly (readonly Ratings[])[],
  scale: Scale,
  start: number,
): { low?: number; high?: number } {
  if (groups.length < 2) return {};
  const next = generator(start);
  const sums = groups.map(coincidences);
  const found: number[] = [];
  for (let draw = 0; draw < DRAWS; draw++) {
    const sum = new Map<number, number>();
    for (let i = 0; i < sums.length; i++)
      for (const [pair, count] of sums[Math.floor(next() * sums.length)]!)
        sum.set(pair, (sum.get(pair) ?? 0) + count);
    const value = alpha(sum, scale);
    if (value !== undefined) found.push(value);
  }
  if (found.length === 0) return {};
  found.sort((one, other) => one - other);
  const at = (share: number) =>
    found[Math.min(found.length - 1, Math.max(0, Math.ceil(share * found.length) - 1))]!;
  return { low: at(0.025), high: at(0.975) };
}

/** Numbers from 0 to 1 that follow from a whole number of 32 bits (mulberry32). */
export function generator(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often a rater said the same to a picture that was shown twice. */
export interface Consistency {
  question: string;
  rater: string;
  same: number;
  of: number;
}

/** Whether raters agree with themselves: of each question, pictures that a rater answered at both showings. */
export function consistencyOf(
  variables: readonly Variable[],
  codebook: Codebook,
  { first, second, raters }: Sheets,
): Consistency[] {
  return codebook.questions.flatMap(({ id }) =>
    raters.flatMap((rater) => {
      const own = variables.filter(({ question }) => question.id === id);
      const found: Consistency = { question: id, rater, same: 0, of: 0 };
      for (const [item, sheets] of second) {
        const [before, again] = [first.get(item)?.get(rater), sheets.get(rater)];
        if (!before || !again) continue;
        const codes = own.map((variable) => [
          codeOf(variable, before, codebook),
          codeOf(variable, again, codebook),
        ]);
        if (codes.some(([one, other]) => one === undefined || other === undefined)) continue;
        found.of++;
        if (codes.every(([one, other]) => one === other)) found.same++;
      }
      return found.of > 0 ? found : [];
    }),
  );
}
