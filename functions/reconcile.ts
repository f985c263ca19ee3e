import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { cellQueues } from '../lib/aws/cell-queue.ts';
import { s3Client } from '../lib/aws/clients.ts';
import { S3Store, STREAMING } from '../lib/aws/objects.ts';
import { compressed } from '../lib/compressed-file.ts';
import { createReconcile } from '../lib/handlers/reconcile.ts';
import { setting } from '../lib/settings.ts';
import { systemChance, systemTime } from '../lib/system.ts';
import { withTemporaryFile } from '../lib/temporary-file.ts';

const { env } = process;
const log = new Logger();
const s3 = s3Client(STREAMING);
const backupClient = s3Client({ region: setting(env, 'BACKUP_REGION') });

export const handler = middy(
  createReconcile(
    {
      images: new S3Store(s3, setting(env, 'IMAGES_BUCKET')),
      backup: new S3Store(backupClient, setting(env, 'BACKUP_BUCKET')),
      withTemporaryFile: compressed(withTemporaryFile),
      ...cellQueues(s3, env),
      time: systemTime,
      chance: systemChance,
      log,
    },
    env,
  ),
).use(injectLambdaContext(log));
