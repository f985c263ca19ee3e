import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { s3Client } from '../lib/aws/clients.ts';
import { S3Store, STREAMING } from '../lib/aws/objects.ts';
import { parameterReader } from '../lib/aws/parameter.ts';
import { tuneHeapForStreams } from '../lib/aws/stream-memory.ts';
import { createWebhook } from '../lib/handlers/webhook.ts';
import { fetchOutput } from '../lib/images/fetch-output.ts';
import { secretReader } from '../lib/secrets.ts';
import { setting } from '../lib/settings.ts';
import { systemTime } from '../lib/system.ts';

const { env } = process;
const log = new Logger();
const s3 = s3Client(STREAMING);
const secrets = parameterReader(s3, env.AWS_ENDPOINT_URL, setting(env, 'WEBHOOK_SECRETS_PARAMETER'));

tuneHeapForStreams();

export const handler = middy(
  createWebhook(
    {
      store: new S3Store(s3, setting(env, 'IMAGES_BUCKET')),
      secrets: secretReader(secrets, systemTime),
      fetchOutput,
      time: systemTime,
      log,
    },
    env,
  ),
).use(injectLambdaContext(log));
