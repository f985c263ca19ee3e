import { isAuditId } from './keys.ts';

/** Cells `from` to `to`, both included, of an audit. */
export interface Range {
  audit: string;
  from: number;
  to: number;
  /** Overdue cells are looked after and nothing is asked for: another message does that. */
  look?: boolean;
}

/** Cells that one queue message, one lease and one repair cover at most. */
export const MAX_BLOCK = 100;

/** Dispatchers that work at once, each at its share of the rate: `maximumConcurrency` of the queue in serverless.yml. */
export const DISPATCHERS = 2;

/** Not worth cutting: two leases and some LISTs for a few seconds. */
const MIN_TO_CUT = 11;

/** An audit, as far as its blocks follow from it. */
interface Cut {
  id: string;
  cells: number;
}

/** As few as there can be, and as many for one dispatcher as for another. */
const countOf = ({ cells }: Cut): number =>
  cells < MIN_TO_CUT ? 1 : DISPATCHERS * Math.ceil(cells / (DISPATCHERS * MAX_BLOCK));

const startOf = ({ cells }: Cut, count: number, block: number): number => Math.floor((block * cells) / count);

/**
 * All cells of an audit in blocks whose sizes differ by one at most: the ranges that the queue takes. One dispatcher
 * at a time works on a block, so that both have work to the end. How an audit is cut follows from the number of its
 * cells and is stored nowhere.
 */
export function blocksOf(plan: Cut): Range[] {
  const count = countOf(plan);
  return Array.from({ length: count }, (_, block) => ({
    audit: plan.id,
    from: startOf(plan, count, block),
    to: startOf(plan, count, block + 1) - 1,
  }));
}

/** The first cell of the block that a cell lies in: by it the block's lease is named. */
export function blockOf(plan: Cut, cell: number): number {
  const count = countOf(plan);
  // The last block that begins at this cell or before it.
  const block = Math.floor(((cell + 1) * count - 1) / plan.cells);
  return startOf(plan, count, block);
}

/** The range that a message's body holds; undefined for any other body. */
export function parseRange(body: string): Range | undefined {
  try {
    const { audit, from, to, look } = JSON.parse(body) as Range;
    const isCell = (n: unknown) => Number.isInteger(n) && (n as number) >= 0 && (n as number) < 100_000;
    const isRange = isAuditId(audit) && isCell(from) && isCell(to) && from <= to && to - from < MAX_BLOCK;
    return isRange ? { audit, from, to, ...(look === true && { look }) } : undefined;
  } catch {
    return undefined;
  }
}
