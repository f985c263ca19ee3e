import jstat from 'jstat';

const { jStat } = jstat;

/** The level of an interval if nothing else is said. */
export const LEVEL = 0.95;

/** The quantile of the standard normal distribution that two-sided intervals of a level use: 1.96 for 0.95. */
export const zOf = (level: number): number => jStat.normal.inv((1 + level) / 2, 0, 1);
/** As `zOf`, of Student's distribution. @param df degrees of freedom, at least 1 */
export const tOf = (level: number, df: number): number => jStat.studentt.inv((1 + level) / 2, df);

/** How likely at most `count` of n coins show heads, `count` below n; continued by the beta function where they are not whole. */
export const coins = (count: number, n: number): number => jStat.ibeta(0.5, n - count, count + 1);
