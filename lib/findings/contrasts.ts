import { type Counted, type Fill, isTooFew, measure, measureAt, observationsOf } from './counted.ts';
import {
  bySeed,
  type Difference,
  exploratoryLevel,
  independent,
  isCertain,
  mcNemar,
  paired,
  squareAndAdd,
} from './difference.ts';
import { LEVEL } from './quantiles.ts';

/** Two groups of units that are compared, and which of them are alike but for what is compared. */
export interface Arms {
  one: readonly Counted[];
  other: readonly Counted[];
  /** By pair: the number of what it has in common with the pair that it is compared to. */
  stratumOf: (pair: number) => number;
}

export type Method = 'paired' | 'by seed' | 'independent';

export interface Compared extends Difference {
  method: Method;
  /** Pictures of each side; pairs of pictures, if they are compared one by one. */
  n: [one: number, other: number];
  /** The exact test of McNemar, where pictures are compared one by one. */
  p?: number;
  certain: boolean;
}

/** Two pictures with the same seed, alike but for what is compared. */
interface Partners {
  stratum: number;
  seed: string;
  one: number;
  other: number;
}

/** At least so many of the smaller side must have a partner; else most would be left out. */
const LEAST_PARTNERS = 0.5;

/** A difference at a level. */
export type Comparison = (level?: number) => Compared;

/**
 * The difference of two groups, each pair alike. Pictures are compared one by one where the same seed was really used for
 * both; else the groups count as independent.
 * @param fill what unclear and missing pictures count as, on either side
 * @returns undefined if a side shows nothing
 */
export function comparison(
  arms: Arms,
  fill: [one: Fill, other: Fill] = ['left out', 'left out'],
): Comparison | undefined {
  const { one, other } = inCommon(arms);
  const [a, b] = [observationsOf(one, fill[0]), observationsOf(other, fill[1])];
  if (a.length === 0 || b.length === 0) return undefined;
  const partners = partnersOf(a, b, arms.stratumOf);
  if (partners.length >= Math.max(2, LEAST_PARTNERS * Math.min(a.length, b.length)))
    return comparePartners(partners);
  const [oneAt, otherAt] = [measureAt(one, fill[0])!, measureAt(other, fill[1])!];
  return (level = LEVEL) => {
    const [m, n] = [oneAt(level), otherAt(level)];
    const found =
      m.pairs === 1 && n.pairs === 1
        ? independent({ count: m.share * m.n, n: m.n }, { count: n.share * n.n, n: n.n }, level)
        : squareAndAdd(m, n, 0);
    return { ...found, method: 'independent', n: [m.n, n.n], certain: isCertain(found) };
  };
}

/** Only what both sides have: a prompt that one model was not asked makes no difference between models. */
function inCommon({ one, other, stratumOf }: Arms): Pick<Arms, 'one' | 'other'> {
  const strata = [one, other].map((units) => new Set(units.map(({ pair }) => stratumOf(pair))));
  const isShared = ({ pair }: Counted) => strata.every((known) => known.has(stratumOf(pair)));
  const [a, b] = [one.filter(isShared), other.filter(isShared)];
  return a.length > 0 && b.length > 0 ? { one: a, other: b } : { one, other };
}

type Observed = ReturnType<typeof observationsOf>;

function partnersOf(one: Observed, other: Observed, stratumOf: Arms['stratumOf']): Partners[] {
  const keyOf = ({ unit }: Observed[number]) => `${stratumOf(unit.pair)} ${unit.partner}`;
  const others = new Map<string, number>();
  for (const seen of other)
    if (seen.unit.partner !== undefined && !others.has(keyOf(seen))) others.set(keyOf(seen), seen.value);
  const taken = new Set<string>();
  return one.flatMap((seen) => {
    const key = keyOf(seen);
    const value = others.get(key);
    if (seen.unit.partner === undefined || value === undefined || taken.has(key)) return [];
    taken.add(key);
    return { stratum: stratumOf(seen.unit.pair), seed: seen.unit.partner, one: seen.value, other: value };
  });
}

function comparePartners(partners: readonly Partners[]): Comparison {
  const strata = new Set(partners.map(({ stratum }) => stratum)).size;
  const isWhole = partners.every(({ one, other }) => one * (1 - one) === 0 && other * (1 - other) === 0);
  const n: Compared['n'] = [partners.length, partners.length];
  if (strata === 1 && isWhole) {
    const count = (one: number, other: number) =>
      partners.filter((pair) => pair.one === one && pair.other === other).length;
    const pairs = {
      both: count(1, 1),
      onlyOne: count(1, 0),
      onlyOther: count(0, 1),
      neither: count(0, 0),
    };
    const p = mcNemar(pairs);
    return (level = LEVEL) => {
      const found = paired(pairs, level);
      return { ...found, method: 'paired', n, p, certain: isCertain(found) && p <= 1 - level };
    };
  }
  const pairs = partners.map(({ one, other, ...rest }) => ({ ...rest, difference: one - other }));
  return (level = LEVEL) => {
    const found = bySeed(pairs, level);
    return { ...found, method: 'by seed', n, certain: isCertain(found) };
  };
}

/** Whether a difference stays certain if all that is unclear and missing spoke against it. */
export function survives(arms: Arms, level: number): boolean {
  const found = comparison(arms)?.(level);
  if (!found?.certain) return false;
  const isMore = found.difference > 0;
  const worst = comparison(arms, isMore ? [0, 1] : [1, 0])?.(level);
  return worst?.certain === true && worst.difference > 0 === isMore;
}

/** Whether a side has too few pictures. */
export const hasTooFew = ({ one, other }: Arms): boolean =>
  [one, other].some((units) => isTooFew(measure(units)?.effective ?? 0));

/**
 * The level at which exploratory contrasts are shown, and which claims it leaves: the largest number R of contrasts that are
 * all certain at the level 1 − 0.05 · R ÷ m (Benjamini and Hochberg 1995, by intervals). R is not the number that is certain
 * at 95 %: with it one of six rounds of equal models claims a difference (`npm run sim:findings`).
 */
export function exploratory(all: readonly Comparison[]): { level: number; certain: number } {
  const m = all.length;
  let left = [...all];
  for (let selected = m; selected > 0; selected = left.length) {
    const level = exploratoryLevel(selected, m);
    left = left.filter((compare) => compare(level).certain);
    if (left.length === selected) return { level, certain: selected };
  }
  return { level: m > 0 ? exploratoryLevel(1, m) : LEVEL, certain: 0 };
}
