import { S3Client } from '@aws-sdk/client-s3';
import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { cellQueue } from '../../lib/aws/cell-queue.ts';
import { TIME_LIMITS } from '../../lib/aws/clients.ts';
import { S3Store, STREAMING } from '../../lib/aws/objects.ts';
import type { CellQueue } from '../../lib/ports.ts';
import type { CloudSettings } from '../configuration.ts';

/** Settings of AWS clients for a deployment. */
export interface ClientSettings {
  region: string;
  requestHandler: object;
  endpoint?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/** Buckets and queues of a deployment. Their names follow from the stage. */
export interface Cloud extends CloudSettings {
  images: S3Store;
  backup: S3Store;
  sqs: SQSClient;
  /** For further clients, which only one command needs. */
  client: ClientSettings;
  queueUrl(name: string): Promise<string>;
  /** A queue of ranges of cells, such as `polls`. */
  queue(name: string): Promise<CellQueue>;
  functionName(key: string): string;
}

/** Credentials are `local` for the local cloud, else those that the SDK finds (profile, environment, single sign-on). */
export const clientSettings = ({ local, region, endpoint }: CloudSettings): ClientSettings => ({
  ...TIME_LIMITS,
  region,
  ...(endpoint ? { endpoint } : {}),
  ...(local ? { credentials: { accessKeyId: 'local', secretAccessKey: 'local' } } : {}),
});

/** The name of an SSM parameter that `weaudit setup` writes and the functions read. */
export const parameterName = (
  stage: string,
  name: 'replicate-token' | 'webhook-secrets' | 'api-tokens' | `secrets/${string}`,
) => `/weaudit/${stage}/${name}`;

/**
 * Opens a deployment. Bucket names contain the account's number, which is taken from the address of the queue.
 * @param elsewhere a backup outside the stage's own stack
 */
export async function openCloud(
  settings: CloudSettings,
  elsewhere: { backupBucket?: string; backupRegion?: string } = {},
): Promise<Cloud> {
  const client = clientSettings(settings);
  const sqs = new SQSClient(client);
  const prefix = `weaudit-${settings.stage}`;
  const queueUrl = async (name: string) => {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: `${prefix}-${name}` }));
    return QueueUrl ?? '';
  };
  const account = new URL(await queueUrl('cells')).pathname.split('/')[1];
  const s3 = (region: string) =>
    new S3Client({ ...client, ...STREAMING, region, forcePathStyle: settings.endpoint !== undefined });
  const { backupBucket = `${prefix}-${account}-backup`, backupRegion = settings.region } = elsewhere;
  return {
    ...settings,
    client,
    sqs,
    queueUrl,
    queue: async (name) => cellQueue(sqs, settings.endpoint, await queueUrl(name)),
    functionName: (key) => `${prefix}-${key}`,
    images: new S3Store(s3(settings.region), `${prefix}-${account}-images`),
    backup: new S3Store(s3(backupRegion), backupBucket),
  };
}
