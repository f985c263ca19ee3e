import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { modelDimension } from '../../lib/metrics.ts';
import { bindingKey, resultKey } from '../../lib/records/keys.ts';
import type { Result } from '../../lib/records/result.ts';
import { isStored, type StoredImage } from '../../lib/records/result.ts';
import type { ApiClient } from '../api-client.ts';
import type { Check, Verdict } from '../checks.ts';
import type { Cloud } from './cloud.ts';
import { checkDeployment } from './deployment.ts';
import { isForbidden } from './faults.ts';
import { inspect } from './inspect.ts';

const PAUSE_MS = 500;
/** Cold functions, a queue, a model that has to start. */
const ENDED_MS = 10 * 60_000;
const EVENT_MS = 60_000;
/** CloudWatch shows a metric a few minutes after it was logged. */
const METRICS_MS = 5 * 60_000;
/** A result that was stored later than this came by polling. */
const WEBHOOK_MS = 15_000;

/** Polls until there is a value, or the time is over. */
async function until<T>(within: number, poll: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const end = Date.now() + within; ; await setTimeout(PAUSE_MS)) {
    const found = await poll();
    if (found !== undefined || Date.now() > end) return found;
  }
}

/**
 * Sends one cheap image through the pipeline and checks each step.
 * @param report called with each check as soon as it is known
 * @returns the id of the audit, which the caller may delete
 */
export async function smoke(
  client: ApiClient,
  cloud: Cloud,
  model: string,
  report: (check: Check) => void,
): Promise<string> {
  for (const check of await checkDeployment(cloud, client.url)) report(check);
  const startedAt = new Date();
  const design = {
    name: 'Smoke test',
    prompts: ['a red apple on a white table'],
    models: [model],
    samples: 1,
    retention: 'short',
  };
  const { id } = await client.createAudit(design, `weaudit-smoke-${randomUUID()}`);
  const check = (step: string, ok: boolean | undefined, detail: string) => report({ step, ok, detail });

  const requested = await until(ENDED_MS, async () =>
    (await cloud.images.exists(bindingKey(id, 0))) ? seconds(startedAt) : undefined,
  );
  check(
    'queued',
    requested !== undefined,
    requested ? `requested after ${requested}` : 'dispatch did not request it within ten minutes',
  );
  const result =
    requested &&
    (await until(ENDED_MS, async () => (await cloud.images.readJson<Result>(resultKey(id, 0)))?.value));
  const image = result ? result.images.find(isStored) : undefined;
  if (!result || !image) {
    check(
      'webhook',
      false,
      result
        ? `the prediction ended as ${result.status}: ${result.error ?? 'no image returned'}`
        : 'no result within ten minutes',
    );
    return id;
  }
  check('webhook', ...viaWebhook(result));
  await inspectImage(cloud, image, check);
  check('measured', ...(await measured(cloud, model, startedAt)));
  await inspectProtection(cloud, image, check);
  return id;
}

type Report = (step: string, ...verdict: Verdict) => void;

const seconds = (since: Date) => `${((Date.now() - since.getTime()) / 1_000).toFixed(1)} s`;

function viaWebhook({ prediction, storedAt }: Result): Verdict {
  const delay = Date.parse(storedAt) - Date.parse(prediction?.completedAt ?? storedAt);
  return delay <= WEBHOOK_MS
    ? [true, `stored ${(delay / 1_000).toFixed(1)} s after the prediction finished`]
    : [
        false,
        `stored ${Math.round(delay / 1_000)} s after the prediction finished: the webhook did not arrive, polling did the work`,
      ];
}

async function inspectImage(
  { images, backup }: Cloud,
  { key, sha256, bytes }: StoredImage,
  check: Report,
): Promise<void> {
  const tags = await until(EVENT_MS, async () => {
    const found = await images.tags(key);
    return found && found.status !== 'pending' ? found : undefined;
  });
  const stored = await inspect(images, key, sha256);
  check(
    'stored',
    stored === 'intact',
    stored === 'intact' ? `${bytes} bytes, SHA-256 ${sha256.slice(0, 12)}…` : `the image is ${stored}`,
  );
  const all = tags && ['status', 'format', 'size', 'retention'].every((name) => tags[name]);
  check(
    'tagged',
    all === true && tags?.status === 'ok',
    tags
      ? Object.entries(tags)
          .map(([name, value]) => `${name}=${value}`)
          .join(' ')
      : 'not judged within a minute',
  );
  const copied = await until(EVENT_MS, async () => ((await backup.exists(key)) ? true : undefined));
  const copy = copied && (await inspect(backup, key, sha256));
  check(
    'backed up',
    copy === 'intact',
    copy ? `the copy in ${backup.bucket} is ${copy}` : `no copy in ${backup.bucket} within a minute`,
  );
}

/**
 * Whether CloudWatch has counted an image of this stage and model. The metric is read by name: a search would find it
 * only after a quarter of an hour, and would include other stages.
 */
export async function measured(
  { local, client, stage }: Cloud,
  model: string,
  since: Date,
): Promise<Verdict> {
  if (local) return [undefined, 'the local cloud has no CloudWatch; see .local/logs/metrics.log'];
  const cloudWatch = new CloudWatchClient(client);
  // A model that the stage does not list is counted as `other`.
  const queries = [model, modelDimension(model, [])].map((name, index) => ({
    Id: `images${index}`,
    MetricStat: {
      Metric: {
        Namespace: 'WeAudit',
        MetricName: 'Images',
        Dimensions: [
          { Name: 'service', Value: `weaudit-${stage}` },
          { Name: 'model', Value: name },
        ],
      },
      Period: 60,
      Stat: 'Sum',
    },
  }));
  const counted = await until(METRICS_MS, async () => {
    const { MetricDataResults = [] } = await cloudWatch.send(
      new GetMetricDataCommand({
        StartTime: new Date(since.getTime() - 60_000),
        EndTime: new Date(Date.now() + 60_000),
        MetricDataQueries: queries,
      }),
    );
    const sum = MetricDataResults.flatMap(({ Values }) => Values ?? []).reduce(
      (total, value) => total + value,
      0,
    );
    return sum > 0 ? sum : undefined;
  });
  return counted
    ? [true, `CloudWatch counted ${counted}`]
    : [false, 'CloudWatch counted no image within five minutes'];
}

async function inspectProtection(cloud: Cloud, { key }: StoredImage, check: Report): Promise<void> {
  const { images, local, region, endpoint } = cloud;
  const head = await images.client.send(new HeadObjectCommand({ Bucket: images.bucket, Key: key }));
  check(
    'encrypted',
    head.ServerSideEncryption !== undefined,
    head.ServerSideEncryption ?? 'no encryption at rest',
  );
  check('TLS only', ...(await refusesPlainHttp(cloud, key)));
  const address = local
    ? `${endpoint}/${images.bucket}/${key}`
    : `https://${images.bucket}.s3.${region}.amazonaws.com/${key}`;
  const { status } = await fetch(address, { method: 'HEAD' });
  check('not public', status === 403, `a request without credentials gets ${status}`);
  const versioned = head.VersionId !== undefined && head.VersionId !== 'null';
  check('versioned', versioned, versioned ? `version ${head.VersionId}` : 'the bucket has no versioning');
}

async function refusesPlainHttp({ images, local, region, client }: Cloud, key: string): Promise<Verdict> {
  if (local) return [undefined, 'the local cloud has no TLS; tests check the bucket policy'];
  const plain = new S3Client({ ...client, endpoint: `http://s3.${region}.amazonaws.com` });
  try {
    await plain.send(new HeadObjectCommand({ Bucket: images.bucket, Key: key }));
    return [false, 'a request without TLS was answered'];
  } catch (error) {
    return isForbidden(error)
      ? [true, 'a request without TLS is refused']
      : [false, (error as Error).message];
  }
}
