import { isAuditId } from './keys.ts';

/** Cells `from` to `to`, both included, of an audit. */
export interface Range {
  audit: string;
  from: number;
  to: number;
}

/**
 * A message of `cells` or `polls`. With a number it is a link of its block's chain: it works on the block, and the last
 * thing that it does is to send the next link. Of two with one number only the first is worked on, so that a block
 * never has two chains of one kind. A poll without a number looks once, right now, and sends nothing.
 */
export interface Message extends Range {
  /** Grows by one with every message of the chain. */
  link?: number;
}

/** Cells that one turn, one lease and one chain cover at most: few, so that others have their turn soon. */
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

/** All cells of an audit in ranges of a few whole blocks: the messages that look once at all of them. */
export function rangesOf(plan: Cut): Range[] {
  const blocks = blocksOf(plan);
  return Array.from({ length: Math.ceil(blocks.length / BLOCKS_A_RANGE) }, (_, i) => {
    const some = blocks.slice(i * BLOCKS_A_RANGE, (i + 1) * BLOCKS_A_RANGE);
    return { audit: plan.id, from: some[0]!.from, to: some.at(-1)!.to };
  });
}

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
