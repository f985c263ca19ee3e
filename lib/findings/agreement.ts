/** How far raters agree. */

/** What raters answered on one picture: a place in the list of answers for each rating. */
export type Ratings = readonly number[];

export type Scale = 'nominal' | 'ordinal';

/** How often each two answers meet in pictures: all that α needs to know of them. The key has both. */
export type Coincidences = ReadonlyMap<number, number>;

/** Answers are fewer than this. */
const ANSWERS = 64;

/** @param units pictures; those with fewer than two ratings do not count */
export function coincidences(units: readonly Ratings[]): Coincidences {
  const counts = new Map<number, number>();
  for (const ratings of units)
    for (const [i, one] of ratings.entries())
      for (const [j, other] of ratings.entries())
        if (i !== j) {
          const pair = one * ANSWERS + other;
          counts.set(pair, (counts.get(pair) ?? 0) + 1 / (ratings.length - 1));
        }
  return counts;
}

/**
 * Krippendorff's α ("Computing Krippendorff's Alpha-Reliability", 2011): 1 where all agree, 0 where they agree as by chance.
 * With answers that are nearly all alike, single differences take it to 0 and below: it says nothing of a single cell.
 * @returns undefined if no picture has two ratings, or all answers are the same: then chance would agree, too
 */
export function alpha(counts: Coincidences, scale: Scale): number | undefined {
  const totals = new Map<number, number>();
  for (const [pair, count] of counts) {
    const answer = Math.floor(pair / ANSWERS);
    totals.set(answer, (totals.get(answer) ?? 0) + count);
  }
  // On a scale, answers are as far apart as there are ratings between them.
  const ranks = new Map<number, number>();
  let n = 0;
  for (const [answer, total] of [...totals].sort(([one], [other]) => one - other)) {
    ranks.set(answer, n + total / 2);
    n += total;
  }
  const distance = (one: number, other: number) =>
    one === other ? 0 : scale === 'nominal' ? 1 : (ranks.get(one)! - ranks.get(other)!) ** 2;
  let [observed, expected] = [0, 0];
  for (const [pair, count] of counts)
    observed += count * distance(Math.floor(pair / ANSWERS), pair % ANSWERS);
  for (const [one, ofOne] of totals)
    for (const [other, ofOther] of totals) expected += (ofOne * ofOther * distance(one, other)) / (n - 1);
  return expected > 0 ? 1 - observed / expected : undefined;
}

/**
 * The share of pairs of ratings of one picture that are equal; each picture has the same weight.
 * @returns undefined if no picture has two ratings
 */
export function percentAgreement(units: readonly Ratings[]): number | undefined {
  const shares = units
    .filter((ratings) => ratings.length > 1)
    .map((ratings) => {
      const pairs = ratings.flatMap((one, i) => ratings.slice(i + 1).map((other) => one === other));
      return pairs.filter(Boolean).length / pairs.length;
    });
  return shares.length > 0 ? shares.reduce((sum, share) => sum + share, 0) / shares.length : undefined;
}

/** The answer of more than half of the ratings; undefined without one. */
export function majority(ratings: Ratings): number | undefined {
  return ratings.find((answer) => ratings.filter((other) => other === answer).length > ratings.length / 2);
}
