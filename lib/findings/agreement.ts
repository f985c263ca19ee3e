/** How far raters agree. */

/** What raters answered on one picture: a place in the list of answers for each rating. */
export type Ratings = readonly number[];

/** The distance of two answers; squared, as Krippendorff's formula takes it. */
type Distance = (one: number, other: number) => number;

/**
 * Krippendorff's α ("Computing Krippendorff's Alpha-Reliability", 2011): 1 where all agree, 0 where they agree as by chance.
 * With answers that are nearly all alike, single differences take it to 0 and below: it says nothing of a single cell.
 * @param units pictures; those with fewer than two ratings do not count
 * @returns undefined if no picture has two ratings, or all answers are the same: then chance would agree, too
 */
export function alpha(units: readonly Ratings[], scale: 'nominal' | 'ordinal'): number | undefined {
  const pairable = units.filter((ratings) => ratings.length > 1);
  const totals = new Map<number, number>();
  for (const ratings of pairable)
    for (const answer of ratings) totals.set(answer, (totals.get(answer) ?? 0) + 1);
  const answers = [...totals.keys()].sort((one, other) => one - other);
  const distance = scale === 'nominal' ? nominal : ordinal(totals, answers);
  const n = pairable.reduce((sum, ratings) => sum + ratings.length, 0);
  let observed = 0;
  for (const ratings of pairable)
    for (const one of ratings)
      for (const other of ratings) observed += distance(one, other) / (ratings.length - 1);
  let expected = 0;
  for (const one of answers)
    for (const other of answers)
      expected += (totals.get(one)! * totals.get(other)! * distance(one, other)) / (n - 1);
  return expected > 0 ? 1 - observed / expected : undefined;
}

const nominal: Distance = (one, other) => (one === other ? 0 : 1);

/** Answers are as far apart as there are ratings between them. */
function ordinal(totals: Map<number, number>, answers: number[]): Distance {
  const ranks = new Map<number, number>();
  let before = 0;
  for (const answer of answers) {
    ranks.set(answer, before + totals.get(answer)! / 2);
    before += totals.get(answer)!;
  }
  return (one, other) => (ranks.get(one)! - ranks.get(other)!) ** 2;
}

/**
 * The share of pairs of ratings of one picture that are equal; each picture has the same weight.
 * @returns undefined if no picture has two ratings
 */
export function percentAgreement(units: readonly Ratings[]): number | undefined {
  const shares = units
    .filter((ratings) => ratings.length > 1)
    .map((ratings) => {
      const pairs = ratings.flatMap((one, i) => ratings.slice(i + 1).map((other) => nominal(one, other)));
      return pairs.filter((distance) => distance === 0).length / pairs.length;
    });
  return shares.length > 0 ? shares.reduce((sum, share) => sum + share, 0) / shares.length : undefined;
}

/** The answer of more than half of the ratings; undefined without one. */
export function majority(ratings: Ratings): number | undefined {
  return ratings.find((answer) => ratings.filter((other) => other === answer).length > ratings.length / 2);
}
