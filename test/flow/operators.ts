import type { Cloud } from '../../cli/operator/cloud.ts';
import type { Progress } from '../../cli/progress.ts';
import { S3Store } from '../../lib/aws/objects.ts';
import { type Judgement, judgementKeys } from '../../lib/records/judgement.ts';
import { imageKey, renditionKey } from '../../lib/records/keys.ts';
import { isStored, type Result, type StoredImage } from '../../lib/records/result.ts';
import type { World } from './world.ts';

export const SILENT: Progress = { row: () => ({ update: () => {} }), stop: () => {} };

type Stores = Pick<World, 'images' | 'backup'>;

/** A world's buckets as operators have them. Its queue takes everything and is empty. */
export const operators = ({ images, backup }: Stores) =>
  ({
    ...{ images, backup, queueUrl: async () => 'q' },
    sqs: { send: async () => ({ Attributes: {} }) },
  }) as unknown as Cloud;

const FOUND: Judgement = {
  ...{ status: 'ok', format: 'png', width: 4, height: 4 },
  decoded: { version: 1, animated: false, alpha: false, c2pa: false, blank: false },
};

/** An images bucket in which `tag` answers: the tags of a result that are written again have its images judged. */
export class AnsweringStore extends S3Store {
  /** What it finds of an image, if not that it is ok. */
  readonly finds = new Map<string, Judgement>();
  /** Cells that were requested, in their order. */
  readonly requested: number[] = [];
  isSilent = false;

  override async setTags(key: string, tags: Record<string, string>): Promise<boolean> {
    const done = await super.setTags(key, tags);
    if (!this.isSilent && key.includes('/results/')) await this.#judge(key);
    return done;
  }

  async #judge(key: string): Promise<void> {
    const { audit, cell, images } = (await this.readJson<Result>(key))!.value;
    this.requested.push(cell);
    const found = new Map<number, Judgement>();
    for (const { key, index } of images.filter(isStored)) {
      if (!(await this.exists(key)) || (await this.exists(key.replace('images/', 'purged/')))) continue;
      const judgement = this.finds.get(key) ?? FOUND;
      if (judgement.status === 'ok')
        await this.create(renditionKey(audit, cell, index), 'small', { tags: { status: 'ok' } });
      found.set(index, judgement);
    }
    for (const record of judgementKeys(audit, cell, found)) await this.create(record, '');
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
