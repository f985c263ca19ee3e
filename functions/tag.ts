import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import { S3Store } from '../lib/aws/objects.ts';
import { createTag } from '../lib/handlers/tag.ts';
import { setting } from '../lib/settings.ts';

const log = new Logger();
const store = new S3Store(new S3Client({}), setting(process.env, 'IMAGES_BUCKET'));

export const handler = middy(createTag({ store, log })).use(injectLambdaContext(log));
