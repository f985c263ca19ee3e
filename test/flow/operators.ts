import type { Context } from 'aws-lambda';
import type { Cloud } from '../../cli/operator/cloud.ts';
import type { Progress } from '../../cli/progress.ts';
import { S3Store } from '../../lib/aws/objects.ts';
import { createTag } from '../../lib/handlers/tag.ts';
import type { Looked } from '../../lib/images/decode/looked.ts';
import type { Log } from '../../lib/ports.ts';
import { imageKey } from '../../lib/records/keys.ts';
import type { Plan } from '../../lib/records/plan.ts';
import { recordResult, type StoredImage } from '../../lib/records/result.ts';
import { systemTime } from '../../lib/system.ts';
import { looked } from '../../sim/look.ts';
import type { World } from './world.ts';

export const SILENT: Progress = { row: () => ({ update: () => {} }), stop: () => {} };

type Stores = Pick<World, 'images' | 'backup'>;

/** A world's buckets as operators have them. Its queues take everything and are empty. */
export const operators = ({ images, backup }: Stores) =>
  ({
    ...{ images, backup },
    queue: async () => ({ send: async () => {}, isIdle: async () => true }),
  }) as unknown as Cloud;

const LOG: Log = { info() {}, warn() {}, error() {}, appendKeys() {}, resetKeys() {} };
const CONTEXT = { getRemainingTimeInMillis: () => 900_000 } as Context;

/** An images bucket with its events: `tag` runs when the tags of a result are written again. */
export class AnsweringStore extends S3Store {
  /** Results whose tags were written, in their order. */
  readonly requested: string[] = [];
  isSilent = false;
  look: (image: Uint8Array) => Looked = looked;

  override async setTags(key: string, tags: Record<string, string>): Promise<boolean> {
    const done = await super.setTags(key, tags);
    if (!key.includes('/results/')) return done;
    this.requested.push(key);
    if (this.isSilent) return done;
    const ports = {
      store: this,
      look: async (image: Uint8Array) => this.look(image),
      time: systemTime,
      log: LOG,
    };
    const tag = createTag({ ...ports, publish() {} }, { METRICS_MODELS: 'a/b' });
    const detail = { bucket: { name: this.bucket }, object: { key } };
    await tag({ source: 'aws.s3', 'detail-type': 'Object Tags Added', detail }, CONTEXT);
    return done;
  }
}

/** A world's images bucket with a `tag` that answers. */
export const answering = ({ images }: Stores): AnsweringStore =>
  new AnsweringStore(images.client, images.bucket);

/** The stored images of a cell as its result names them. */
export const named = (audit: string, cell: number, indexes: readonly number[]): StoredImage[] =>
  indexes.map((index) => ({
    ...{ index, key: imageKey(audit, cell, index) },
    ...{ sha256: '', bytes: 0, contentType: 'image/png' },
  }));

/** The result of a cell with these images. */
export const recordCell = (
  { truth }: World,
  plan: Plan,
  cell: number,
  images: StoredImage[],
): Promise<void> =>
  recordResult(truth.images, plan, {
    ...{ audit: plan.id, cell, status: 'succeeded', model: 'a/b', sent: { input: {} }, seed: null },
    ...{ seedSource: 'unknown', asked: images.length, returned: images.length, filtered: 0 },
    ...{ images, askedAt: null, storedAt: '' },
  });
