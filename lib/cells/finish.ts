import { setTimeout } from 'node:timers/promises';
import type { ObjectStore } from '../aws/objects.ts';
import { withOutput } from '../images/download.ts';
import { contentTypeOf, extensionOf, sniffFormat } from '../images/formats.ts';
import { MAX_OUTPUTS, outputsOf } from '../images/outputs.ts';
import { Unavailable, Unobtainable } from '../images/source.ts';
import { adoptPrediction, type BoundBinding, markAborted } from '../records/binding.ts';
import { cellImagesPrefix, cellName, deletedKey, imageKey, resultKey } from '../records/keys.ts';
import { cellAt, inputOf, type Plan } from '../records/plan.ts';
import { EXPIRED, imagesAsked, predictionResult, type ResultImage, recordResult } from '../records/result.ts';
import type { EndedPrediction } from '../replicate/prediction.ts';

export interface FinishDeps {
  store: ObjectStore;
  /** Where outputs may come from. */
  origins: string[];
  maxImageBytes: number;
  now: () => Date;
}

/**
 * - `stored`: the result is written, by this call or one at the same time
 * - `already`: it was there before
 * - `deleted`: the audit was deleted; nothing was written
 * - `superfluous`: the cell belongs to another prediction; nothing was written
 * - `aborted`: it never started, and the cell may be asked once more
 */
export type Finished = 'stored' | 'already' | 'deleted' | 'superfluous' | 'aborted';

/** Replicate deletes outputs an hour after the prediction ended; a little later nothing can be hoped for. */
const OUTPUTS_LIVE_MS = 62 * 60_000;
const PARALLEL_OUTPUTS = 4;
const FETCH_TRIES = 3;
const FETCH_PAUSE_MS = 250;

/**
 * Stores what an ended prediction made, and its result. Safe to run twice, at once, late, or half: every write
 * creates an object at most once, and all follow from the one prediction that is bound to the cell.
 * @param signal ends the work when its time is over; what is stored by then stays and is not done again
 * @throws what a retry can mend; nothing else
 */
export async function finishCell(
  deps: FinishDeps,
  plan: Plan,
  n: number,
  prediction: EndedPrediction,
  signal: AbortSignal,
): Promise<Finished> {
  const { store, now } = deps;
  const [done, deleted] = await Promise.all([
    store.exists(resultKey(plan.id, n)),
    store.exists(deletedKey(plan.id)),
  ]);
  if (deleted) return 'deleted';
  if (done) return 'already';
  const binding = await adoptPrediction(
    store,
    plan,
    n,
    prediction.id,
    prediction.created_at ?? now().toISOString(),
  );
  if (!binding) return 'superfluous';
  if (prediction.status === 'aborted' && binding.attempt === 1) {
    await markAborted(store, plan, n);
    return 'aborted';
  }
  const outputs = await storeOutputs(deps, plan, n, prediction, binding, signal);
  await recordResult(store, plan, predictionResult(plan, n, prediction, outputs, binding.askedAt, now()));
  return 'stored';
}

async function storeOutputs(
  deps: FinishDeps,
  plan: Plan,
  n: number,
  prediction: EndedPrediction,
  binding: BoundBinding,
  signal: AbortSignal,
): Promise<{ returned: number; images: ResultImage[] }> {
  // Outputs may be there before success, and stay after a failure: only a success is a whole answer.
  const { addresses, returned } =
    prediction.status === 'succeeded' ? outputsOf(prediction) : { addresses: [], returned: 0 };
  if (addresses.length === 0) return storedBefore(deps.store, plan, n, prediction);
  const images: ResultImage[] = [];
  const next = addresses.entries();
  const worker = async () => {
    for (const [index, address] of next)
      images[index] = await storeOutput(deps, plan, n, index, address, prediction, binding, signal);
  };
  await Promise.all(Array.from({ length: PARALLEL_OUTPUTS }, worker));
  if (returned > addresses.length)
    images.push({
      index: addresses.length,
      error: `${returned - addresses.length} more outputs were not stored: at most ${MAX_OUTPUTS} are`,
    });
  return { returned, images };
}

/**
 * What an earlier delivery stored before it died belongs to the result, although Replicate shows no outputs any
 * more. Of a success the images that were asked for and are not there are named as lost.
 */
async function storedBefore(
  store: ObjectStore,
  plan: Plan,
  n: number,
  prediction: EndedPrediction,
): Promise<{ returned: number; images: ResultImage[] }> {
  const images: ResultImage[] = [];
  for await (const { key } of store.list(cellImagesPrefix(plan.id, n))) {
    const image = await standing(store, key, Number(key.split('/').at(-1)));
    if (image) images.push(image);
  }
  if (images.length > 0 && prediction.status === 'succeeded') {
    const there = new Set(images.map(({ index }) => index));
    const asked = Math.min(MAX_OUTPUTS, imagesAsked(inputOf(plan, cellAt(plan, n))));
    for (let index = 0; index < asked; index++) if (!there.has(index)) images.push({ index, error: EXPIRED });
  }
  images.sort((one, other) => one.index - other.index);
  return { returned: images.length, images };
}

/**
 * Stores one output. A fault on the way (a stalled or cut download, a 404 that comes too early, another writer
 * in the very same moment) is met by fetching anew: a stream that was consumed cannot be sent again.
 */
async function storeOutput(
  deps: FinishDeps,
  plan: Plan,
  n: number,
  index: number,
  address: string,
  prediction: EndedPrediction,
  binding: BoundBinding,
  signal: AbortSignal,
): Promise<ResultImage> {
  const { store, now } = deps;
  const key = imageKey(plan.id, n, index);
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchAndStore(deps, plan, n, index, address, binding, signal);
    } catch (error) {
      // Perhaps an earlier delivery stored it while it was still to be had.
      const image = await standing(store, key, index);
      if (image) return image;
      if (error instanceof Unobtainable) return { index, error: error.message };
      const ended = Date.parse(prediction.completed_at ?? binding.askedAt);
      if (error instanceof Unavailable && now().getTime() - ended > OUTPUTS_LIVE_MS)
        return { index, error: `expired: the output could not be had within its hour: ${error.message}` };
      if (attempt === FETCH_TRIES) throw error;
      await setTimeout(FETCH_PAUSE_MS * attempt, undefined, { signal });
    }
  }
}

async function fetchAndStore(
  { store, origins, maxImageBytes }: FinishDeps,
  plan: Plan,
  n: number,
  index: number,
  address: string,
  binding: BoundBinding,
  signal: AbortSignal,
): Promise<ResultImage> {
  const key = imageKey(plan.id, n, index);
  return withOutput(address, { origins, maxBytes: maxImageBytes, signal }, async ({ head, body, bytes }) => {
    const format = sniffFormat(head);
    const contentType = contentTypeOf(format);
    const filename = `${plan.id.slice(0, 8)}-${cellName(n)}-${index}.${extensionOf(format)}`;
    const upload = {
      contentType,
      contentDisposition: `inline; filename="${filename}"`,
      metadata: { audit: plan.id, cell: cellName(n), index: String(index), prediction: binding.predictionId },
      tags: { status: 'pending', retention: plan.retention },
    };
    const sha256 = await store.createFromStream(key, body, bytes, upload, signal);
    if (sha256) return { index, key, sha256, bytes, contentType };
    const image = await standing(store, key, index);
    if (!image) throw new Error(`${key} was there a moment ago and is not now`);
    return image;
  });
}

/** An image that another delivery stored. */
async function standing(store: ObjectStore, key: string, index: number): Promise<ResultImage | undefined> {
  const head = await store.head(key);
  return head?.sha256
    ? { index, key, sha256: head.sha256, bytes: head.bytes, contentType: head.contentType }
    : undefined;
}
