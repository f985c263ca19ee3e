import type { ObjectStore } from '../ports.ts';
import type { KeptPrediction } from '../replicate/kept.ts';
import type { Reading } from '../replicate/reading/read.ts';
import type { Seed } from '../replicate/reading/seeds.ts';
import { markerKey, resultKey } from './keys.ts';
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
  /** The cell is of an imported audit: nothing was requested. */
  source?: 'imported';
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

/** What a marker says of a cell: the counts that a LIST of results does not show. */
export interface Outcome {
  status: CellStatus;
  filtered: number;
  lost: number;
}

/**
 * The name of the marker of a result, after the number of its cell: `.refused.filtered4.1873`; undefined for a result
 * that needs none, because its cell succeeded and has all of its images.
 * @param bytes size of the result
 */
export function markerName({ status, filtered, images }: Result, bytes: number): string | undefined {
  const lost = images.filter((image) => !isStored(image)).length;
  if (status === 'succeeded' && filtered + lost === 0) return undefined;
  return `.${status}${filtered > 0 ? `.filtered${filtered}` : ''}${lost > 0 ? `.lost${lost}` : ''}.${bytes}`;
}

const MARKER = /^\.(succeeded|failed|refused|canceled)(?:\.filtered(\d+))?(?:\.lost(\d+))?(?:\.(\d+))?$/;

/**
 * What a marker says; undefined if it belongs to a result that another writer was quicker with, or to none yet.
 * Older markers name no size and count for any result.
 * @param bytes size of the result that the cell has
 */
export function parseMarker(name: string, bytes: number | undefined): Outcome | undefined {
  const [, status, filtered = 0, lost = 0, size = bytes] = MARKER.exec(name) ?? [];
  if (!status || bytes === undefined || Number(size) !== bytes) return undefined;
  return { status: status as CellStatus, filtered: Number(filtered), lost: Number(lost) };
}

/**
 * Writes a result. Its marker goes first, so that a result never lacks it. Two writers of one cell may find different
 * things, such as an output that expired in between: each writes its own marker, and only one result is created.
 * Hence a marker names the size of its result: LISTs alone show which marker counts.
 */
export async function recordResult(store: ObjectStore, plan: Plan, result: Result): Promise<void> {
  const tags = { retention: plan.retention };
  const body = JSON.stringify(result);
  const marker = markerName(result, Buffer.byteLength(body));
  if (marker) await store.create(markerKey(plan.id, result.cell, marker), '', { tags });
  await store.create(resultKey(plan.id, result.cell), body, { contentType: 'application/json', tags });
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
