import type { ObjectStore } from '../ports.ts';
import { slotKey, slotsPrefix } from './keys.ts';

/** Who has a slot, from a generation on: `rounds/<r>/slots/<s>/<gen>`. A fact. */
export interface SlotRecord {
  slot: number;
  generation: number;
  pseudonym: string;
  /** SHA-256 of the rater's token. */
  token: string;
  at: string;
  /** Name of the API token that gave the slot. */
  by: string;
}

/** All that ever had a slot of a round, in the order of slots and generations: a LIST and a GET each. */
export async function listRaters(store: ObjectStore, round: string): Promise<SlotRecord[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(slotsPrefix(round))) keys.push(key);
  const records = await Promise.all(keys.map((key) => store.readJson<SlotRecord>(key)));
  return records
    .flatMap((record) => record?.value ?? [])
    .sort((one, other) => one.slot - other.slot || one.generation - other.generation);
}

/** Whether another rater was given the slot after this one: a HEAD, because generations have no gaps. */
export const hasNext = (store: ObjectStore, round: string, slot: number, generation: number) =>
  store.exists(slotKey(round, slot, generation + 1));

/** The number of raters that a slot has had: the highest generation, which is the one that counts. 0: nobody. */
export async function latestGeneration(store: ObjectStore, round: string, slot: number): Promise<number> {
  const prefix = `${slotsPrefix(round)}${slot}/`;
  let latest = 0;
  for await (const { key } of store.list(prefix)) latest = Math.max(latest, Number(key.slice(prefix.length)));
  return latest;
}

export const readSlot = async (store: ObjectStore, round: string, slot: number, generation: number) =>
  (await store.readJson<SlotRecord>(slotKey(round, slot, generation)))?.value;
