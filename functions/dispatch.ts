import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import { cellQueues } from '../lib/aws/cell-queue.ts';
import { s3Client } from '../lib/aws/clients.ts';
import { S3Store } from '../lib/aws/objects.ts';
import { parameterReader } from '../lib/aws/parameter.ts';
import { createDispatch } from '../lib/handlers/dispatch.ts';
import { replicateClient } from '../lib/replicate/client.ts';
import { secretReader, secretsByName } from '../lib/secrets.ts';
import { setting } from '../lib/settings.ts';
import { systemChance, systemTime } from '../lib/system.ts';

const { env } = process;
const log = new Logger();
const s3 = s3Client();
const parameter = (name: string) => parameterReader(s3, env.AWS_ENDPOINT_URL, name);
const token = parameter(setting(env, 'REPLICATE_TOKEN_PARAMETER'));
const secrets = setting(env, 'SECRETS_PARAMETER');

export const handler = middy(
  createDispatch(
    {
      store: new S3Store(s3, setting(env, 'IMAGES_BUCKET')),
      ...cellQueues(s3, env),
      replicate: replicateClient(setting(env, 'REPLICATE_API_URL'), secretReader(token, systemTime)),
      secretValue: secretsByName((name) => parameter(`${secrets}/${name}`)(), systemTime),
      time: systemTime,
      chance: systemChance,
      log,
    },
    env,
  ),
).use(injectLambdaContext(log));
