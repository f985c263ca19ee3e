import type { Material, Unit } from './facts.ts';
import { measure, type Observation } from './pooled.ts';
import { certainty, type Interval } from './proportion.ts';
import { type Rating, type Variable, type Verdict, verdictOf } from './ratings.ts';

/** A unit as it counts for one answer: the weights of its pictures by what they show. */
export interface Counted {
  pair: number;
  seed: string;
  partner: string | undefined;
  with: number;
  without: number;
  unclear: number;
  missing: number;
  notApplicable: number;
  /** Weights that would show the answer if all raters had to agree, and if one rater were enough. */
  unanimous: number;
  any: number;
  /** Weight that has no answer although a rater gave this one. */
  onlyAny: number;
}

/** How much of what is valid in a pair was rated: what is missing counts for as much, if the round has a part of the pictures. */
export function ratedParts({ pairs, units }: Material, isRated: (item: number) => boolean): number[] {
  const sums = pairs.map(() => ({ valid: 0, rated: 0 }));
  for (const { pair, pictures } of units)
    for (const { item, weight } of pictures) {
      sums[pair]!.valid += weight;
      if (item !== undefined && isRated(item)) sums[pair]!.rated += weight;
    }
  return sums.map(({ valid, rated }) => (valid > 0 ? rated / valid : 1));
}

export function countUnits(
  units: readonly Unit[],
  parts: readonly number[],
  variable: Variable,
  ratings: ReadonlyMap<number, readonly Rating[]>,
  code: number,
): Counted[] {
  return units.flatMap((unit) => {
    const { pair, seed, partner, pictures } = unit;
    const sum: Counted = {
      ...{ pair, seed, partner, with: 0, without: 0, unclear: 0, missing: unit.missing * parts[pair]! },
      ...{ notApplicable: 0, unanimous: 0, any: 0, onlyAny: 0 },
    };
    for (const { item, weight } of pictures) {
      const given = item === undefined ? undefined : ratings.get(item);
      if (given) add(sum, weight, verdictOf(variable, given, code));
    }
    return weightOf(sum) + sum.notApplicable > 0 ? sum : [];
  });
}

function add(sum: Counted, weight: number, { kind, unanimous, any }: Verdict): void {
  const name = kind === 'not applicable' ? 'notApplicable' : kind;
  sum[name] += weight;
  if (unanimous) sum.unanimous += weight;
  if (any) sum.any += weight;
  if (any && kind !== 'with' && kind !== 'without') sum.onlyAny += weight;
}

const known = (unit: Counted) => unit.with + unit.without;
const weightOf = (unit: Counted) => known(unit) + unit.unclear + unit.missing;

/** What is unclear or missing counts as nothing, as without the answer (0), or as with it (1). */
export type Fill = 'left out' | 0 | 1;

/** A unit whose value is known, from 0 to 1. */
export type Observed = Observation & { unit: Counted };

/** Units without a value are left out. */
export const observationsOf = (units: readonly Counted[], fill: Fill): Observed[] =>
  units.flatMap((unit) => {
    const weight = fill === 'left out' ? known(unit) : weightOf(unit);
    const shown = unit.with + (fill === 1 ? unit.unclear + unit.missing : 0);
    return weight > 0 ? { unit, value: shown / weight, weight, pair: unit.pair, seed: unit.seed } : [];
  });

export interface Sums {
  with: number;
  without: number;
  unclear: number;
  missing: number;
  notApplicable: number;
}

export function sumsOf(units: readonly Counted[]): Sums {
  const sums: Sums = { with: 0, without: 0, unclear: 0, missing: 0, notApplicable: 0 };
  for (const unit of units) for (const name of Object.keys(sums) as (keyof Sums)[]) sums[name] += unit[name];
  return sums;
}

/** The share if none, or all, of what is unclear and missing had the answer; and an interval that holds those of all three. */
export interface Bounds {
  least: number;
  most: number;
  outer: Interval;
}

/**
 * The bounds that count what is unclear and missing. The interval of what is shown may be wider than theirs: what is shown may have
 * few seeds, or vary more between them.
 * @returns undefined if nothing was asked
 */
export function boundsOf(units: readonly Counted[]): Bounds | undefined {
  const [least, most] = [measure(observationsOf(units, 0)), measure(observationsOf(units, 1))];
  if (!least || !most) return undefined;
  const { low, high } = measure(observationsOf(units, 'left out')) ?? { low: 1, high: 0 };
  const outer = { low: Math.min(least.low, low), high: Math.max(most.high, high) };
  return { least: least.share, most: most.share, outer };
}

/** The mean of pairs of a weight by another one, each pair alike; undefined without pairs. */
function meanOfPairs(units: readonly Counted[], of: (unit: Counted) => [number, number]): number | undefined {
  const sums = new Map<number, [number, number]>();
  for (const unit of units) {
    const [part, whole] = of(unit);
    const [parts, wholes] = sums.get(unit.pair) ?? [0, 0];
    sums.set(unit.pair, [parts + part, wholes + whole]);
  }
  const shares = [...sums.values()].flatMap(([part, whole]) => (whole > 0 ? part / whole : []));
  return shares.length > 0 ? shares.reduce((sum, share) => sum + share, 0) / shares.length : undefined;
}

/**
 * The shares if all raters of a picture had to agree on an answer, and if one of them were enough. A majority lies between
 * them: what raters get wrong is no part of any interval.
 */
export const raterRange = (units: readonly Counted[]) => ({
  unanimous: meanOfPairs(units, (unit) => [unit.unanimous, known(unit)]),
  any: meanOfPairs(units, (unit) => [unit.any, known(unit) + unit.onlyAny]),
});

/**
 * Whether so few pictures say nothing: the interval of one half would be wider than half of the scale. That is so below 12
 * independent pictures; with 12 it is from 25 to 75 %.
 */
export const isTooFew = (effective: number): boolean =>
  effective <= 0 || certainty(effective).halfWidth > 0.25;
