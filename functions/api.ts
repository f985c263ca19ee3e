import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { cellQueues } from '../lib/aws/cell-queue.ts';
import { s3Client } from '../lib/aws/clients.ts';
import { S3Store } from '../lib/aws/objects.ts';
import { parameterReader } from '../lib/aws/parameter.ts';
import { presigner, uploadPresigner } from '../lib/aws/presigner.ts';
import { createApi } from '../lib/handlers/api.ts';
import { replicateClient } from '../lib/replicate/client.ts';
import { secretReader } from '../lib/secrets.ts';
import { setting } from '../lib/settings.ts';
import { systemChance, systemTime } from '../lib/system.ts';

const { env } = process;
const log = new Logger();
const s3 = s3Client();
const store = new S3Store(s3, setting(env, 'IMAGES_BUCKET'));
const secret = (name: string) =>
  secretReader(parameterReader(s3, env.AWS_ENDPOINT_URL, setting(env, name)), systemTime);

export const handler = middy(
  createApi(
    {
      store,
      ...cellQueues(s3, env),
      replicate: replicateClient(setting(env, 'REPLICATE_API_URL'), secret('REPLICATE_TOKEN_PARAMETER')),
      presign: presigner(store),
      presignUpload: uploadPresigner(store),
      tokens: secret('API_TOKENS_PARAMETER'),
      time: systemTime,
      chance: systemChance,
      log,
    },
    env,
  ),
).use(injectLambdaContext(log));
