import type { ObjectStore } from '../ports.ts';
import type { KeptPrediction } from '../replicate/kept.ts';
import type { Reading } from '../replicate/reading/read.ts';
import type { Seed } from '../replicate/reading/seeds.ts';
import { failureKey, resultKey } from './keys.ts';
import type { Input, Plan } from './plan.ts';

export type CellStatus = 'succeeded' | 'failed' | 'refused' | 'canceled';
export type SeedSource = 'sent' | 'log' | 'unsupported' | 'unknown';

export interface StoredImage {
  index: number;
  key: string;
  /** Hex. */
  sha256: string;
  bytes: number;
  contentType: string;
}
/** An output that could not be stored, and why. */
export interface LostImage {
  index: number;
  error: string;
}
export type ResultImage = StoredImage | LostImage;
export const isStored = (image: ResultImage): image is StoredImage => 'key' in image;

/** How a cell ended: `audits/<a>/results/<n>.json`. Replicate deletes what it knows after an hour; this stays. */
export interface Result {
  audit: string;
  cell: number;
  status: CellStatus;
  error?: string;
  model: string;
  sent: { input: Input };
  /** A string of digits if a number would not hold it exactly. Null if the model takes none, or names one that cannot be read. */
  seed: Seed | null;
  seedSource: SeedSource;
  /** Absent without a prediction, and in older results. */
  reading?: Reading;
  /** What Replicate said: the facts from which status, seed, filtered and reading are derived. */
  prediction?: KeptPrediction;
  /** Images that were asked for, that came back, and that the model's own filter dropped. */
  asked: number;
  returned: number;
  filtered: number;
  images: ResultImage[];
  askedAt: string | null;
  storedAt: string;
}

/** The error of a failure without a reason. */
export const NO_REASON = 'the model gave no reason';
export const EXPIRED = 'expired: Replicate had removed the output before it could be stored';

/**
 * Writes a result. The marker goes first, so that a result never lacks it; both follow from the binding alone, so that
 * all who write them write the same.
 */
export async function recordResult(store: ObjectStore, plan: Plan, result: Result): Promise<void> {
  const tags = { retention: plan.retention };
  if (result.status !== 'succeeded')
    await store.create(failureKey(plan.id, result.cell, result.status), '', { tags });
  await store.createJson(resultKey(plan.id, result.cell), result, { tags });
}

/**
 * Has `tag` judge the images of a cell again: writes the tags of its result again, as they are. The event of that starts
 * `tag` as the creation of the result did.
 * @returns false where there is no result
 */
export async function requestJudgement(store: ObjectStore, audit: string, cell: number): Promise<boolean> {
  const key = resultKey(audit, cell);
  const tags = await store.tags(key);
  return tags !== undefined && store.setTags(key, tags);
}
