import type { RoundPlan } from '../records/round.ts';
import { sha256Hex } from '../sha256.ts';

/** A picture in the list of a slot. */
export interface Showing {
  /** The opaque name of the picture. */
  item: string;
  /** 2 for the second time. */
  showing: 1 | 2;
}

/** A round, as far as its lists follow from it. */
export type Assigned = Pick<RoundPlan, 'seed' | 'slots' | 'ratings' | 'repeats'> & {
  items: readonly { opaque: string }[];
};

/** The same things in an order that follows from a text alone. */
function ordered<T>(things: readonly T[], nameOf: (thing: T) => string, text: string): T[] {
  const keys = new Map(things.map((thing) => [thing, sha256Hex(`${text}/${nameOf(thing)}`)]));
  return [...things].sort((one, other) => (keys.get(one)! < keys.get(other)! ? -1 : 1));
}

/**
 * Which slots rate each picture. Slots are dealt in rounds: each round gives every slot one picture, in an order of its own,
 * so that the lists differ in length by one at most. A slot that has the picture already, from the end of the round before,
 * is dealt last.
 */
function deal({ seed, slots, ratings, items }: Assigned): string[][] {
  // Everything to everybody. Dealing would take a hash for each picture and slot: a second for the largest rounds.
  if (ratings === slots) return Array.from({ length: slots }, () => items.map(({ opaque }) => opaque));
  const lists: string[][] = Array.from({ length: slots }, () => []);
  const all = Array.from({ length: slots }, (_, slot) => slot);
  let [deck, decks]: [number[], number] = [[], 0];
  for (const { opaque } of ordered(items, (item) => item.opaque, `${seed}/items`)) {
    const taken = deck.splice(0, ratings);
    while (taken.length < ratings) {
      const fresh = ordered(all, String, `${seed}/deck/${decks++}`);
      const held = new Set(taken);
      deck = [...fresh.filter((slot) => !held.has(slot)), ...fresh.filter((slot) => held.has(slot))];
      taken.push(...deck.splice(0, ratings - taken.length));
    }
    for (const slot of taken) lists[slot]!.push(opaque);
  }
  return lists;
}

/** Plans never change, and a process serves all slots of a round. */
const dealt = new WeakMap<Assigned, string[][]>();

function dealtTo(plan: Assigned, slot: number): string[] {
  const lists = dealt.get(plan) ?? deal(plan);
  dealt.set(plan, lists);
  return lists[slot - 1] ?? [];
}

/** How many pictures a slot rates, those that are shown twice counted twice. @param slot from 1 */
export function assignmentLength(plan: Assigned, slot: number): number {
  const { length } = dealtTo(plan, slot);
  return length + Math.min(plan.repeats, Math.ceil(length / 2));
}

/**
 * The pictures that a slot rates, in their order: a function of the round's seed alone, without counter or record. Each
 * picture is in the lists of `ratings` slots, lists differ in length by one at most, and the order is another for each slot.
 * It knows the pictures by their opaque names, so that no place depends on a model or a prompt. Pictures that are shown twice
 * come first in the first half of the list, and again in the second.
 * @param slot from 1
 */
export function assignmentOf(plan: Assigned, slot: number): Showing[] {
  const names = ordered(dealtTo(plan, slot), (name) => name, `${plan.seed}/slot/${slot}`);
  const list = names.map((item): Showing => ({ item, showing: 1 }));
  const half = Math.ceil(list.length / 2);
  const again = ordered(names.slice(0, half), (name) => name, `${plan.seed}/repeats/${slot}`);
  const repeats = again.slice(0, plan.repeats).map((item): Showing => ({ item, showing: 2 }));
  const second = ordered(
    [...list.slice(half), ...repeats],
    ({ item, showing }) => `${item}/${showing}`,
    `${plan.seed}/second/${slot}`,
  );
  return [...list.slice(0, half), ...second];
}

/** Most pictures that can be shown twice to each slot: the shortest list has as many in its first half. */
export const mostRepeats = ({ items, ratings, slots }: Omit<Assigned, 'seed' | 'repeats'>): number =>
  Math.ceil(Math.floor((items.length * ratings) / slots) / 2);
