import { isAuditId } from './keys.ts';

/** Cells `from` to `to`, both included, of an audit. */
export interface Range {
  audit: string;
  from: number;
  to: number;
}

/**
 * A message of `cells` or `polls`. With a number it is a link of the chain of its block, or in `polls` of its range: it
 * works on these cells, and the last thing that it does is to send the next link. Of two with one number only the first is
 * worked on, so that no cells have two chains of one kind. A poll without a number looks once, right now, and sends nothing.
 */
export interface Message extends Range {
  /** Grows by one with every message of the chain. */
  link?: number;
}

/** Cells that one turn which asks, its lease and its chain cover at most: few, so that others have their turn soon. */
export const MAX_BLOCK = 25;
/** Cells that a message may name. */
const MAX_RANGE = 100;
const BLOCKS_A_RANGE = MAX_RANGE / MAX_BLOCK;

/** Not worth cutting: two leases and some LISTs for a few seconds. */
const MIN_TO_CUT = 11;

/** An audit, as far as its blocks follow from it. */
export interface Cut {
  id: string;
  cells: number;
}

/** As few as there can be, and an even number. */
const countOf = ({ cells }: Cut): number => (cells < MIN_TO_CUT ? 1 : 2 * Math.ceil(cells / (2 * MAX_BLOCK)));

const startOf = ({ cells }: Cut, count: number, place: number): number => Math.floor((place * cells) / count);

/** The block at a place, or undefined behind the last one. */
export function blockAt(plan: Cut, place: number): Range | undefined {
  const count = countOf(plan);
  if (place >= count) return undefined;
  return {
    audit: plan.id,
    from: startOf(plan, count, place),
    to: startOf(plan, count, place + 1) - 1,
  };
}

/**
 * All cells of an audit in blocks whose sizes differ by one at most. How an audit is cut follows from the number of its
 * cells and is stored nowhere.
 */
export const blocksOf = (plan: Cut): Range[] =>
  Array.from({ length: countOf(plan) }, (_, place) => blockAt(plan, place)!);

/** The place of the block that a cell lies in. */
export function placeOf(plan: Cut, cell: number): number {
  const count = countOf(plan);
  // The last block that begins at this cell or before it.
  return Math.floor(((cell + 1) * count - 1) / plan.cells);
}

/** The range at a place: a few whole blocks. */
function rangeAt(plan: Cut, place: number): Range {
  const end = Math.min(countOf(plan), (place + 1) * BLOCKS_A_RANGE);
  const [first, last] = [blockAt(plan, place * BLOCKS_A_RANGE)!, blockAt(plan, end - 1)!];
  return { audit: plan.id, from: first.from, to: last.to };
}

/** The range that a cell lies in. */
export const rangeOf = (plan: Cut, cell: number): Range =>
  rangeAt(plan, Math.floor(placeOf(plan, cell) / BLOCKS_A_RANGE));

/** All cells of an audit in ranges: what one chain looks after, and one message that looks once. */
export const rangesOf = (plan: Cut): Range[] =>
  Array.from({ length: Math.ceil(countOf(plan) / BLOCKS_A_RANGE) }, (_, place) => rangeAt(plan, place));

/** The blocks of a range, or of some ranges. */
export const blocksIn = (plan: Cut, { from, to }: Pick<Range, 'from' | 'to'>): Range[] => {
  const first = placeOf(plan, from);
  const count = placeOf(plan, to) - first + 1;
  return Array.from({ length: count }, (_, i) => blockAt(plan, first + i)!);
};

const isCount = (n: unknown): n is number =>
  Number.isInteger(n) && (n as number) >= 0 && (n as number) < 2 ** 31;

/** What a message's body holds; undefined for any other body. */
export function parseMessage(body: string): Message | undefined {
  try {
    const { audit, from, to, link } = JSON.parse(body) as Message;
    const isRange =
      isAuditId(audit) && isCount(from) && isCount(to) && from <= to && to < 100_000 && to - from < MAX_RANGE;
    return isRange ? { audit, from, to, ...(isCount(link) && { link }) } : undefined;
  } catch {
    return undefined;
  }
}
