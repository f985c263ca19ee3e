import { type Counted, type Fill, isTooFew, type Observed, observationsOf } from './counted.ts';
import {
  bySeed,
  type Difference,
  exploratoryLevel,
  isCertain,
  mcNemar,
  paired,
  squareAndAdd,
} from './difference.ts';
import { measure, measureAt } from './pooled.ts';
import { LEVEL } from './quantiles.ts';

/** Two groups of units that are compared, and which of them are alike but for what is compared. */
export interface Arms {
  one: readonly Counted[];
  other: readonly Counted[];
  /** By pair: the number of what it has in common with the pair that it is compared to. */
  stratumOf: (pair: number) => number;
  /** Whether groups that have nothing in common are compared, too: the jobs of two sectors. */
  mayDiffer: boolean;
}

export type Method = 'paired' | 'by seed' | 'independent';

export interface Compared extends Difference {
  method: Method;
  /** Pictures of each side; pairs of pictures, if they are compared one by one. */
  n: [one: number, other: number];
  /** The exact test of McNemar, where pictures are compared one by one. */
  p?: number;
  /** Whether too few pictures are compared to say something. */
  tooFew: boolean;
  certain: boolean;
}

/** Two pictures with the same seed, alike but for what is compared; or the means of several of each side. */
interface Partners {
  stratum: number;
  seed: string;
  one: number;
  other: number;
  /** Pictures of each side that they stand for. */
  weight: number;
}

/** A difference at a level. */
export type Comparison = (level?: number) => Compared;

/**
 * The difference of two groups, each pair alike. Pictures are compared one by one where the same seed was really used for
 * both; else the groups count as independent.
 * @param fill what unclear and missing pictures count as, on either side
 * @returns undefined if nothing can be compared
 */
export function comparison(
  arms: Arms,
  fill: [one: Fill, other: Fill] = ['left out', 'left out'],
): Comparison | undefined {
  const { stratumOf } = arms;
  const sides = [observationsOf(arms.one, fill[0]), observationsOf(arms.other, fill[1])] as const;
  const [one, other] = inCommon(sides, arms);
  const [oneAt, otherAt] = [measureAt(one), measureAt(other)];
  if (!oneAt || !otherAt) return undefined;
  const [ones, others] = [one, other].map((seen) => bySeedAndStratum(seen, stratumOf)) as [Groups, Groups];
  const keys = [...ones.keys()].filter((key) => others.has(key));
  const [a, b] = [keys.flatMap((key) => ones.get(key)!), keys.flatMap((key) => others.get(key)!)];
  // Of the smaller side at least half must have a partner; else most would be left out.
  if (keys.length > 1 && (2 * a.length >= one.length || 2 * b.length >= other.length)) {
    const partners = keys.map((key): Partners => {
      const [mine, theirs] = [ones.get(key)!, others.get(key)!];
      const { pair, partner } = mine[0]!.unit;
      // What one side shows counts whole, also beside what the other refused: only what both refused stands for a part.
      const weight = Math.max(...[...mine, ...theirs].map((seen) => seen.weight));
      return { stratum: stratumOf(pair), seed: partner!, one: meanOf(mine), other: meanOf(theirs), weight };
    });
    return comparePartners(partners, [a, b].some(hasTooFew));
  }
  const tooFew = [one, other].some(hasTooFew);
  return (level = LEVEL) => {
    const [m, n] = [oneAt(level), otherAt(level)];
    const found = squareAndAdd(m, n);
    return { ...found, method: 'independent', n: [m.n, n.n], tooFew, certain: !tooFew && isCertain(found) };
  };
}

const hasTooFew = (seen: readonly Observed[]) => isTooFew(measure(seen)?.effective ?? 0);

/** Only what both sides show: a prompt that one model was not asked, or refused always, makes no difference between models. */
function inCommon(
  sides: readonly [readonly Observed[], readonly Observed[]],
  { stratumOf, mayDiffer }: Arms,
): readonly [readonly Observed[], readonly Observed[]] {
  const strata = sides.map((seen) => new Set(seen.map(({ unit }) => stratumOf(unit.pair))));
  const isShared = ({ unit }: Observed) => strata.every((known) => known.has(stratumOf(unit.pair)));
  const [a, b] = [sides[0].filter(isShared), sides[1].filter(isShared)];
  return mayDiffer && a.length === 0 ? sides : [a, b];
}

type Groups = Map<string, Observed[]>;

/** What may have a partner: what the seed is known of. */
function bySeedAndStratum(seen: readonly Observed[], stratumOf: Arms['stratumOf']): Groups {
  const groups: Groups = new Map();
  for (const one of seen) {
    const { pair, partner } = one.unit;
    if (partner === undefined) continue;
    const key = `${stratumOf(pair)} ${partner}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return groups;
}

const meanOf = (seen: readonly Observed[]) => seen.reduce((sum, { value }) => sum + value, 0) / seen.length;

const weightOf = (partners: readonly Partners[]) => partners.reduce((sum, { weight }) => sum + weight, 0);

function comparePartners(partners: readonly Partners[], tooFew: boolean): Comparison {
  const strata = new Set(partners.map(({ stratum }) => stratum)).size;
  const isWhole = partners.every(({ one, other }) => one * (1 - one) === 0 && other * (1 - other) === 0);
  const n = weightOf(partners);
  const about = { n: [n, n] as Compared['n'], tooFew };
  if (strata === 1 && isWhole) {
    const count = (one: number, other: number) =>
      weightOf(partners.filter((pair) => pair.one === one && pair.other === other));
    const pairs = {
      both: count(1, 1),
      onlyOne: count(1, 0),
      onlyOther: count(0, 1),
      neither: count(0, 0),
    };
    const p = mcNemar(pairs);
    return (level = LEVEL) => {
      const found = paired(pairs, level);
      const certain = !tooFew && isCertain(found) && p <= 1 - level;
      return { ...found, method: 'paired', ...about, p, certain };
    };
  }
  const pairs = partners.map(({ one, other, ...rest }) => ({ ...rest, difference: one - other }));
  return (level = LEVEL) => {
    const found = bySeed(pairs, level);
    return { ...found, method: 'by seed', ...about, certain: !tooFew && isCertain(found) };
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
