/** The middle value; of an even count the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that the share `p` (0 to 1) of all values does not exceed (nearest rank). */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

/**
 * Runs every way once in each round, so that other load on the machine affects all of them equally. The order rotates by one
 * in each round, because the first run of a round finds a cooler machine than the last.
 * @returns what each way returned, round by round
 */
export async function interleave<T>(
  ways: readonly string[],
  rounds: number,
  run: (way: string, round: number) => Promise<T>,
): Promise<Record<string, T[]>> {
  const results: Record<string, T[]> = Object.fromEntries(ways.map((way) => [way, []]));
  for (let round = 0; round < rounds; round++) {
    const order = ways.map((_, i) => ways[(i + round) % ways.length]!);
    for (const way of order) results[way]!.push(await run(way, round));
  }
  return results;
}
