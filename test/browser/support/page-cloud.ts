import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Label } from '../../../lib/contract/round-request.ts';
import type { BudgetSettings } from '../../../lib/money/prices.ts';
import { roundKey, settingsKey } from '../../../lib/records/keys.ts';
import type { RoundPlan } from '../../../lib/records/round.ts';
import { IMAGES } from '../../support/buckets.ts';
import { type TestCloud, withCloud } from '../../support/cloud.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Four prompts. One of the simulated models refuses two of them. */
export const CROSSED = {
  template: 'a photo of a {gender} {job}',
  factors: { gender: ['female', 'male'], job: ['doctor', 'weapon dealer'] },
};

/** An image as the API describes it. */
export interface StoredImage {
  url: string;
  [fact: string]: unknown;
}

interface Described {
  status: string;
  images: { status: string; url?: string }[];
}

export interface PageCloud extends Pick<TestCloud, 'api' | 'cloud' | 'dataDir'> {
  /** The origin of the page, as the bucket's CORS rules know it. */
  readonly origin: string;
  /** How often browsers fetched each image and each rendition from the bucket, by path. */
  readonly fetched: Map<string, number>;
  /** Starts an audit. @returns its ID */
  start(design: object): Promise<string>;
  /** Waits until all predictions of an audit are finished and all images are judged. */
  finished(audit: string): Promise<void>;
  /** Waits until the manifest of an audit is there. */
  whole(audit: string): Promise<void>;
  /** Sets what an operator sets. Free models are accepted with any budget. */
  setBudget(settings: BudgetSettings): Promise<void>;
  /** The labels of a rating round, in the order of raters and batches. */
  labelsOf(round: string): Promise<Label[]>;
  /** The opaque names of a round's pictures, by image. */
  opaqueNames(round: string): Promise<Record<string, string>>;
  /** The images of an audit that can be shown. */
  imagesOf(audit: string): Promise<StoredImage[]>;
}

/** Starts a quick cloud for the tests of the page, and stops it afterwards. Call it at the top of a `describe`. */
export function withPageCloud(): PageCloud {
  const fetched = new Map<string, number>();
  const local = withCloud({
    predictionSeconds: 0.1,
    amend(stack) {
      for (const { environment } of stack.functions)
        if ('CREATES_PER_MINUTE' in environment) environment.CREATES_PER_MINUTE = '6000';
      return stack;
    },
    faults: {
      s3: (handle) => (request, response) => {
        const url = new URL(request.url ?? '/', 'http://bucket');
        if (
          request.method === 'GET' &&
          request.headers.origin &&
          /\/(images|renditions)\//.test(url.pathname)
        )
          fetched.set(url.pathname, (fetched.get(url.pathname) ?? 0) + 1);
        return handle(request, response);
      },
    },
  });
  const predictionsOf = async (audit: string): Promise<Described[]> =>
    (await local.api('GET', `/api/audits/${audit}/predictions`)).body.predictions;
  return {
    api: local.api,
    get cloud() {
      return local.cloud;
    },
    dataDir: local.dataDir,
    get origin() {
      return local.cloud.endpoints.api.replace('127.0.0.1', 'localhost');
    },
    fetched,
    async start(design) {
      const { status, body } = await local.api('POST', '/api/audits', design);
      if (status !== 202) throw new Error(`The audit was not accepted: ${JSON.stringify(body)}`);
      return body.id;
    },
    async finished(audit) {
      await waitFor(`all images of ${audit}`, async () =>
        (await predictionsOf(audit)).every(
          ({ status, images }) =>
            status !== 'waiting' &&
            status !== 'running' &&
            images.every((image) => image.status !== 'pending'),
        ),
      );
    },
    async whole(audit) {
      await waitFor(`the manifest of ${audit}`, async () => {
        const { cloud } = local;
        if (cloud.idle()) for (const schedule of cloud.stack.schedules) cloud.bus.fire(schedule);
        return (await local.api('GET', `/api/audits/${audit}`)).body.manifest;
      });
    },
    async setBudget(settings) {
      const Body = JSON.stringify(settings);
      await local.s3().send(new PutObjectCommand({ Bucket: IMAGES, Key: settingsKey, Body }));
    },
    async labelsOf(round) {
      const s3 = local.s3();
      const Prefix = `rounds/${round}/labels/`;
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: IMAGES, Prefix }));
      const labels: Label[] = [];
      for (const { Key } of Contents) {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: IMAGES, Key }));
        labels.push(...JSON.parse(await Body!.transformToString()).answers);
      }
      return labels;
    },
    async opaqueNames(round) {
      const { Body } = await local.s3().send(new GetObjectCommand({ Bucket: IMAGES, Key: roundKey(round) }));
      const { items }: RoundPlan = JSON.parse(await Body!.transformToString());
      return Object.fromEntries(items.map(({ image, opaque }) => [image, opaque]));
    },
    async imagesOf(audit) {
      const images = (await predictionsOf(audit)).flatMap((prediction) => prediction.images);
      return images.filter((image): image is StoredImage & Described['images'][0] => image.url !== undefined);
    },
  };
}
