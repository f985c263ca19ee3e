import type { Context } from 'aws-lambda';
import { isTagging } from '../aws/s3-event.ts';
import { judgeCell } from '../images/judge.ts';
import { wordsFor } from '../images/verdict.ts';
import { measurementsOfImages, modelDimension, type Publish } from '../metrics.ts';
import type { Log, LookAtImage, ObjectStore, Time } from '../ports.ts';
import type { Judgement } from '../records/judgement.ts';
import {
  cellImagesPrefix,
  cellRenditionsPrefix,
  deletedKey,
  parseImageKey,
  parseResultKey,
} from '../records/keys.ts';
import { isStored, type Result } from '../records/result.ts';
import { type Environment, listSetting } from '../settings.ts';
import { createdResult } from './created-result.ts';

export interface TagPorts {
  store: ObjectStore;
  look: LookAtImage;
  time: Time;
  log: Log;
  publish: Publish;
}

/** Before the end of its time a run stops by itself. */
const RESERVE_MS = 10_000;

/**
 * A result was created, or its tags were written again to request it: judge its images, make their renditions, tag them,
 * record what was found.
 */
export function createTag({ look, time, log, publish, ...ports }: TagPorts, env: Environment) {
  const models = listSetting(env, 'METRICS_MODELS');
  return async (event: unknown, context: Context) => {
    const signal = time.timeout(Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS));
    const store = ports.store.within(signal);
    const { key, result } = await createdResult({ store, log }, event);
    if (!result) {
      await destroyRenditions(store, key);
      return { key, images: [] };
    }
    const { audit, cell: n } = result;
    const indexes = isTagging(event) ? await existingIndexes(store, result) : namedIndexes(result);
    const onFirst = (judgements: Judgement[]) => {
      const measurements = measurementsOfImages(judgements);
      if (measurements.length > 0) publish(modelDimension(result.model, models), measurements);
    };
    const judged = await judgeCell({ store, look, onFirst }, { audit, n, indexes }, signal).catch(
      (error: unknown) => {
        if (!signal.aborted) throw error;
        throw new Error(
          `Time was up before all images of ${key} were judged. What is recorded is kept; the next delivery of the event judges the others.`,
        );
      },
    );
    const images = [...judged].map(([index, { decoded, ...found }]) => ({
      index,
      ...found,
      ...(decoded?.reason && { reason: wordsFor(found.format, decoded.reason) }),
    }));
    for (const image of images)
      if (image.status === 'quarantined') log.warn('not a valid image: quarantined', { key, ...image });
    return { key, images };
  };
}

/** A run before may have died behind a rendition that it made after the audit was deleted. */
async function destroyRenditions(store: ObjectStore, resultKey: string): Promise<void> {
  const of = parseResultKey(resultKey);
  if (of && (await store.exists(deletedKey(of.audit))))
    await store.destroy(cellRenditionsPrefix(of.audit, of.cell));
}

const namedIndexes = ({ images }: Result): number[] => images.filter(isStored).map(({ index }) => index);

/** Images that exist, also one that the result does not name: a delivery that came too late stored it. */
async function existingIndexes(store: ObjectStore, { audit, cell }: Result): Promise<number[]> {
  const indexes: number[] = [];
  for await (const { key } of store.list(cellImagesPrefix(audit, cell))) {
    const image = parseImageKey(key);
    if (image) indexes.push(image.index);
  }
  return indexes;
}
