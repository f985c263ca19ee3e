import { contentTypeOf, imageDisposition, sniffFormat } from '../images/formats.ts';
import { withOutput } from '../images/open-output.ts';
import { MAX_OUTPUTS, outputsOf } from '../images/outputs.ts';
import { OutputRejected, OutputUnavailable } from '../images/source.ts';
import { costOf } from '../money/price.ts';
import { noteExtra } from '../money/spent.ts';
import type { FetchOutput, Log, ObjectStore, Time } from '../ports.ts';
import { adoptPrediction, type BoundBinding, isBound, markAborted } from '../records/binding.ts';
import { imagesAsked } from '../records/images-asked.ts';
import { cellImagesPrefix, cellName, deletedKey, imageKey, resultKey } from '../records/keys.ts';
import { cellAt, inputOf, modelAt, type Plan, secretsOf } from '../records/plan.ts';
import { EXPIRED, isStored, type ResultImage, recordResult } from '../records/result.ts';
import { readRedactor } from '../records/secret.ts';
import { type Redact, redactError } from '../replicate/fingerprints.ts';
import { keepPrediction, redactPrediction } from '../replicate/kept.ts';
import type { EndedPrediction } from '../replicate/prediction.ts';
import { predictionResult } from './derive.ts';

export interface FinishDeps {
  store: ObjectStore;
  fetchOutput: FetchOutput;
  /** Where outputs may come from. */
  origins: string[];
  maxImageBytes: number;
  time: Time;
  log: Pick<Log, 'warn'>;
}

/** A cell whose prediction has ended, on its way to a result. */
export interface Ending {
  plan: Plan;
  n: number;
  prediction: EndedPrediction;
  /** Ends the work when its time is over. Images that are stored by then are kept and not fetched again. */
  signal: AbortSignal;
}
type BoundEnding = Ending & { binding: BoundBinding };

/**
 * - `stored`: the result is written, by this call or one at the same time
 * - `already`: it was there before
 * - `deleted`: the audit was deleted; nothing was written
 * - `superfluous`: the cell belongs to another prediction; nothing was written
 * - `aborted`: it never started, and the cell waits to be requested again
 */
export type Finished = 'stored' | 'already' | 'deleted' | 'superfluous' | 'aborted';

/** Replicate deletes outputs an hour after the prediction ended; a little later they are given up. */
const OUTPUTS_LIVE_MS = 62 * 60_000;
const PARALLEL_OUTPUTS = 4;
const FETCH_TRIES = 3;
const FETCH_PAUSE_MS = 250;

/**
 * Stores what an ended prediction made, and its result. Safe to run twice, at once, late, or half: every write
 * creates an object at most once, and all follow from the one prediction that is bound to the cell.
 * @throws only errors that a retry can change
 */
export async function finishCell(deps: FinishDeps, ending: Ending): Promise<Finished> {
  const { store, time } = deps;
  const { plan, n, prediction } = ending;
  const [done, deleted] = await Promise.all([
    store.exists(resultKey(plan.id, n)),
    store.exists(deletedKey(plan.id)),
  ]);
  if (deleted) return 'deleted';
  if (done) return (await isBound(store, plan.id, n, prediction.id)) ? 'already' : superfluous(deps, ending);
  const askedAt = prediction.created_at ?? time.now().toISOString();
  const binding = await adoptPrediction(store, ending, prediction.id, askedAt);
  if (!binding) return superfluous(deps, ending);
  if (prediction.status === 'aborted') {
    await markAborted(store, ending, binding.attempt);
    return 'aborted';
  }
  const names = secretsOf(plan, modelAt(plan, n)).map(([, name]) => name);
  const redact = await readRedactor(store, names);
  const outputs = await storeOutputs(deps, { ...ending, binding }).catch((error) => {
    throw redactError(error, redact);
  });
  const said = { plan, n, binding, prediction: redactPrediction(prediction, redact) };
  await recordResult(store, plan, predictionResult(said, redactOutputs(outputs, redact), time.now()));
  return 'stored';
}

/** The name of a host, in the reason of a lost image, is the model's choice. */
const redactOutputs = ({ images, ...rest }: Stored, redact: Redact): Stored => ({
  ...rest,
  images: images.map((image) => (isStored(image) ? image : { ...image, error: redact(image.error) })),
});

/** A prediction that no cell needs was paid all the same. */
async function superfluous(deps: FinishDeps, { plan, n, prediction }: Ending): Promise<'superfluous'> {
  const model = modelAt(plan, n);
  const asked = imagesAsked({ ...plan.input, ...model.input });
  const made = prediction.status === 'succeeded' ? outputsOf(prediction).returned : 0;
  const charged = { ...keepPrediction(prediction), asked, made };
  await noteExtra(deps, plan, model, prediction.id, model.price ? costOf(model.price, charged) : 0);
  return 'superfluous';
}

interface Stored {
  returned: number;
  images: ResultImage[];
}

async function storeOutputs(deps: FinishDeps, ending: BoundEnding): Promise<Stored> {
  const { prediction } = ending;
  // Outputs may be there before success, and stay after a failure: only a success is a whole answer.
  const { addresses, returned } =
    prediction.status === 'succeeded' ? outputsOf(prediction) : { addresses: [], returned: 0 };
  if (addresses.length === 0) return storedBefore(deps.store, ending);
  const images: ResultImage[] = [];
  const next = addresses.entries();
  // One that fails ends the others: they would run on beside the next cells.
  const failed = new AbortController();
  const signal = AbortSignal.any([ending.signal, failed.signal]);
  const worker = async () => {
    for (const [index, address] of next)
      images[index] = await storeOutput(deps, { ...ending, signal }, index, address);
  };
  const workers = Array.from({ length: PARALLEL_OUTPUTS }, async () => {
    try {
      await worker();
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(workers);
  if (failed.signal.aborted) throw failed.signal.reason;
  if (returned > addresses.length)
    images.push({
      index: addresses.length,
      error: `${returned - addresses.length} more outputs were not stored: at most ${MAX_OUTPUTS} are allowed`,
    });
  return { returned, images };
}

/**
 * What an earlier delivery stored before it died belongs to the result, although Replicate shows no outputs any
 * more. Of a success the images that were asked for and are not there are named as lost.
 */
async function storedBefore(store: ObjectStore, { plan, n, prediction }: BoundEnding): Promise<Stored> {
  const images: ResultImage[] = [];
  for await (const { key } of store.list(cellImagesPrefix(plan.id, n))) {
    const image = await existingImage(store, key, Number(key.split('/').at(-1)));
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
 * in the very same moment) is handled by fetching again: a consumed stream cannot be resent.
 */
async function storeOutput(
  deps: FinishDeps,
  ending: BoundEnding,
  index: number,
  address: string,
): Promise<ResultImage> {
  const { store, time } = deps;
  const { plan, n, prediction, binding, signal } = ending;
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchAndStore(deps, ending, index, address);
    } catch (error) {
      // Perhaps an earlier delivery stored it while it was still available.
      const image = await existingImage(store, imageKey(plan.id, n, index), index);
      if (image) return image;
      if (error instanceof OutputRejected) return { index, error: error.message };
      const ended = Date.parse(prediction.completed_at ?? binding.askedAt);
      if (error instanceof OutputUnavailable && time.now().getTime() - ended > OUTPUTS_LIVE_MS)
        return { index, error: `expired: the output could not be fetched within its hour: ${error.message}` };
      if (attempt === FETCH_TRIES) throw error;
      await time.sleep(FETCH_PAUSE_MS * attempt, signal);
    }
  }
}

async function fetchAndStore(
  { store, fetchOutput, origins, maxImageBytes }: FinishDeps,
  { plan, n, binding, signal }: BoundEnding,
  index: number,
  address: string,
): Promise<ResultImage> {
  const key = imageKey(plan.id, n, index);
  const options = { origins, maxBytes: maxImageBytes, signal, fetchOutput };
  return withOutput(address, options, async ({ head, body, bytes }) => {
    const format = sniffFormat(head);
    const contentType = contentTypeOf(format);
    const upload = {
      contentType,
      contentDisposition: imageDisposition(plan.id, n, index, format),
      metadata: { audit: plan.id, cell: cellName(n), index: String(index), prediction: binding.predictionId },
      tags: { status: 'pending', retention: plan.retention },
    };
    const sha256 = await store.createFromStream(key, body, bytes, upload, signal);
    if (sha256) return { index, key, sha256, bytes, contentType };
    const image = await existingImage(store, key, index);
    if (!image) throw new Error(`${key} existed a moment ago and is gone`);
    return image;
  });
}

/** An image that another delivery stored. */
async function existingImage(
  store: ObjectStore,
  key: string,
  index: number,
): Promise<ResultImage | undefined> {
  const head = await store.head(key);
  return head?.sha256
    ? { index, key, sha256: head.sha256, bytes: head.bytes, contentType: head.contentType }
    : undefined;
}
