import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { cellQueues } from '../lib/aws/cell-queue.ts';
import { s3Client } from '../lib/aws/clients.ts';
import { S3Store, STREAMING } from '../lib/aws/objects.ts';
import { parameterReader } from '../lib/aws/parameter.ts';
import { tuneHeapForStreams } from '../lib/aws/stream-memory.ts';
import { compressed } from '../lib/compressed-file.ts';
import { createPoll } from '../lib/handlers/poll.ts';
import { outputFetcher } from '../lib/images/fetch-output.ts';
import { replicateClient } from '../lib/replicate/client.ts';
import { secretReader } from '../lib/secrets.ts';
import { setting } from '../lib/settings.ts';
import { systemChance, systemTime } from '../lib/system.ts';
import { withTemporaryFile } from '../lib/temporary-file.ts';

const { env } = process;
const log = new Logger();
const s3 = s3Client(STREAMING);
const backupClient = s3Client({ region: setting(env, 'BACKUP_REGION') });
const token = secretReader(
  parameterReader(s3, env.AWS_ENDPOINT_URL, setting(env, 'REPLICATE_TOKEN_PARAMETER')),
  systemTime,
);

tuneHeapForStreams();

export const handler = middy(
  createPoll(
    {
      store: new S3Store(s3, setting(env, 'IMAGES_BUCKET')),
      backup: new S3Store(backupClient, setting(env, 'BACKUP_BUCKET')),
      ...cellQueues(s3, env),
      replicate: replicateClient(setting(env, 'REPLICATE_API_URL'), token),
      fetchOutput: outputFetcher(token),
      withTemporaryFile: compressed(withTemporaryFile),
      time: systemTime,
      chance: systemChance,
      log,
    },
    env,
  ),
).use(injectLambdaContext(log));
