import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { TestCloud } from './cloud.ts';
import { waitFor } from './wait-for.ts';

export const IMAGES = 'weaudit-local-000000000000-images';
export const BACKUP = 'weaudit-local-000000000000-backup';

/** Looks into the buckets of a test's cloud and damages what is in them, as the administrator. */
export function buckets(test: TestCloud) {
  let client: S3Client | undefined;
  const s3 = (): S3Client => {
    client ??= test.s3();
    return client;
  };
  /** Keys under a prefix. */
  const keys = async (Bucket: string, Prefix: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2({ client: s3() }, { Bucket, Prefix }))
      found.push(...Contents.map(({ Key }) => Key!));
    return found;
  };
  const text = async (Bucket: string, Key: string): Promise<string> =>
    (await s3().send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString();
  return {
    s3,
    keys,
    // biome-ignore lint/suspicious/noExplicitAny: tests look into records freely
    json: async (Bucket: string, Key: string): Promise<any> => JSON.parse(await text(Bucket, Key)),
    async sha256(Bucket: string, Key: string): Promise<string> {
      const { Body } = await s3().send(new GetObjectCommand({ Bucket, Key }));
      return createHash('sha256')
        .update(await Body!.transformToByteArray())
        .digest('hex');
    },
    async tags(Bucket: string, Key: string): Promise<Record<string, string>> {
      const { TagSet = [] } = await s3().send(new GetObjectTaggingCommand({ Bucket, Key }));
      return Object.fromEntries(TagSet.map((tag) => [tag.Key!, tag.Value!]));
    },
    /** The number of versions and delete markers under a prefix. */
    async versions(Bucket: string, Prefix: string): Promise<number> {
      const { Versions = [], DeleteMarkers = [] } = await s3().send(
        new ListObjectVersionsCommand({ Bucket, Prefix }),
      );
      return Versions.length + DeleteMarkers.length;
    },
    create: (Bucket: string, Key: string) =>
      s3().send(new PutObjectCommand({ Bucket, Key, Body: '', ContentLength: 0, IfNoneMatch: '*' })),
    overwrite: (Bucket: string, Key: string) =>
      s3().send(new PutObjectCommand({ Bucket, Key, Body: 'not what it was' })),
    remove: (Bucket: string, Key: string) => s3().send(new DeleteObjectCommand({ Bucket, Key })),
    /** Delivers the event of a result again. */
    async judgeAgain(id: string, cell: number): Promise<void> {
      const key = `audits/${id}/results/0000${cell}.json`;
      const event = { detail: { bucket: { name: IMAGES }, object: { key } } };
      expect(await test.cloud.invoke('tag', event)).toMatchObject({ ok: true });
    },
    /** Which images of a cell have an address in the API. */
    async shown(id: string, cell: number): Promise<boolean[]> {
      const { body } = await test.api('GET', `/api/audits/${id}/predictions`);
      return body.predictions[cell].images.map((image: object) => 'url' in image);
    },
    /** An audit of one prompt with its manifest and all backups. @returns its ID */
    async finishedAudit(prompt: string, samples: number, input = {}): Promise<string> {
      const design = { prompts: [prompt], models: ['simulated/flash'], samples, input };
      const { status, body } = await test.api('POST', '/api/audits', design);
      expect({ status, body }).toMatchObject({ status: 202 });
      await waitFor(`the manifest of "${prompt}" and its backup`, async () => {
        await test.cloud.invoke('reconcile', {});
        return (await keys(BACKUP, `audits/${body.id}/`)).length === 3;
      });
      return body.id;
    },
  };
}
